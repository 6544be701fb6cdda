// SPDX-License-Identifier: Apache-2.0
// The merge rules of byte-level BPE and their application to one piece of text: while any two neighbours have a rule,
// the pair of lowest rank, and of these the leftmost, becomes one token.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hearth::text {

struct Merge {
  std::uint32_t left, right, result;  // ids
};

class Bpe {
 public:
  // byte_ids: the id of each byte. merges in order of rank; of two with the same pair the later counts. pieces: what
  // ignore_merges looks up whole before merging; empty when the file does not ask for it.
  Bpe(std::vector<std::uint32_t> byte_ids, const std::vector<Merge>& merges,
      std::unordered_map<std::string, std::uint32_t> pieces);

  // Appends the ids of piece. O(n log n).
  void encode(std::string_view piece, std::vector<std::uint32_t>& ids) const;
  bool has_merges() const { return !slots_.empty(); }
  std::uint32_t byte_id(unsigned char byte) const { return byte_ids_[byte]; }

 private:
  static constexpr std::uint32_t no_rank = 0xffffffffu;
  struct Slot {
    std::uint64_t key = ~0ull;  // left << 32 | right
    std::uint32_t rank = no_rank, result = 0;
  };
  std::size_t place_of(std::uint32_t left, std::uint32_t right) const;
  const Slot& find(std::uint32_t left, std::uint32_t right) const;  // rank no_rank: no rule
  void encode_short(std::string_view piece, std::vector<std::uint32_t>& ids) const;
  void encode_long(std::string_view piece, std::vector<std::uint32_t>& ids) const;

  std::vector<std::uint32_t> byte_ids_;
  std::vector<Slot> slots_;  // open addressing, at most half full; empty: no merges
  unsigned shift_ = 0;
  std::vector<std::uint64_t> known_;  // bits by hash of a pair: 0 says that there is no rule, without asking slots_
  static constexpr unsigned known_bits = 21;
  Slot none_;
  std::unordered_map<std::string, std::uint32_t> pieces_;
};

}  // namespace hearth::text
