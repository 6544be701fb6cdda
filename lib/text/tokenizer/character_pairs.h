// SPDX-License-Identifier: Apache-2.0
// Where text of SentencePiece-style BPE falls into pieces: between two characters that no merge can join. In most
// vocabularies that is before every space that follows something else.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "lib/text/tokenizer/bridges.h"
#include "lib/text/tokenizer/tokenizer_json.h"

namespace hearth::text {

class CharacterPairs {
 public:
  CharacterPairs() = default;
  // Of a file with characters.
  explicit CharacterPairs(const TokenizerFile& file);

  // The end of the piece that begins at p < end.
  const unsigned char* piece_end(const unsigned char* p, const unsigned char* end) const {
    unsigned length = Bridges::length_of(p, end);
    for (const unsigned char* next = p + length; next < end; p = next, next += length) {
      const unsigned before = length;
      length = Bridges::length_of(next, end);
      if (before == 1 && length == 1 && ((*p | *next) & 0x80) == 0) {
        if ((ascii_[*p][*next / 64] >> (*next % 64) & 1) == 0) return next;
      } else if (!joined(Bridges::bytes_of(p, before), Bridges::bytes_of(next, length))) {
        return next;
      }
    }
    return end;
  }

 private:
  bool joined(std::uint32_t left, std::uint32_t right) const {
    if (cut_at_spaces_ && right == ' ') return false;
    const std::uint32_t place = Bridges::place_of(left, right);
    return all_joined_ || (others_[place / 64] >> (place % 64) & 1) != 0;
  }
  void join(std::string_view token);

  bool all_joined_ = false;                                // nothing is known: only spaces may part
  bool cut_at_spaces_ = false;                             // before every space, whatever the merges say
  std::array<std::array<std::uint64_t, 2>, 128> ascii_{};  // [left] bits by right
  std::vector<std::uint64_t> others_;                      // bits by hash of the pair
};

}  // namespace hearth::text
