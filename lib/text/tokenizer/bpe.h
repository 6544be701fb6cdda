// SPDX-License-Identifier: Apache-2.0
// BPE of one piece of text: while any two neighbours have a merge rule, the pair of lowest rank, and of these the
// leftmost, becomes one token. Of longer pieces done by searching for the one list of tokens that could have come about
// so (derivations.h), by merging where that is not possible or not worth it.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/tokenizer/characters.h"
#include "lib/text/tokenizer/derivations.h"
#include "lib/text/tokenizer/merge_rules.h"
#include "lib/text/tokenizer/token_index.h"

namespace hearth::text {

class Bpe {
 public:
  // byte_ids: the id of each byte. merges in order of rank; of two with the same pair the later counts. tokens: the
  // bytes of each id, empty for those that are not the model's. whole_first: a piece that is a token is that token,
  // whatever the merges say (ignore_merges).
  Bpe(std::vector<std::uint32_t> byte_ids, const std::vector<Merge>& merges, std::vector<std::string> tokens,
      bool whole_first);
  // The same of characters.
  Bpe(const CharacterLevel& level, const std::vector<Merge>& merges, bool whole_first);

  // Appends the ids of piece. O(n log n).
  void encode(std::string_view piece, std::vector<std::uint32_t>& ids) const;
  // The same by merging alone: slower, and the definition.
  void merge(std::string_view piece, std::vector<std::uint32_t>& ids) const;

  bool has_merges() const { return !rules_.empty() || characters_; }
  std::uint32_t byte_id(unsigned char byte) const { return byte_ids_[byte]; }
  // Is this a token only where it is a whole piece?
  bool is_whole_only(std::uint32_t id) const {
    return whole_first_ && derivations_ && derivations_->kind(id) == Derivations::Kind::none;
  }

 private:
  static constexpr std::size_t shortest_searched = 64, longest_searched = 512;  // bytes
  bool search(std::string_view piece, std::vector<std::uint32_t>& ids) const;
  // Merge the symbols; append what comes of them to ids. Up to 62 symbols, bytes with a table of their pairs' rules.
  void merge_short(const std::vector<std::uint32_t>& symbols, std::vector<std::uint32_t>& ids) const;
  void merge_short_bytes(std::string_view bytes, std::vector<std::uint32_t>& ids) const;
  void merge_long(const std::uint32_t* first_symbols, std::size_t n, std::vector<std::uint32_t>& ids) const;

  void fill_byte_rules();

  std::vector<std::uint32_t> byte_ids_;
  std::optional<CharacterSymbols> characters_;  // in place of bytes
  MergeRules rules_;
  HugeVector<MergeRules::Rule>
      byte_rules_;  // [256 * 256] of two bytes side by side; none without merges and for characters
  bool whole_first_;
  TokenIndex index_;
  std::unique_ptr<const Derivations> derivations_;  // none without merges and for characters
};

}  // namespace hearth::text
