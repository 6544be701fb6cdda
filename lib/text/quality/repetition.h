// SPDX-License-Identifier: Apache-2.0
// How much of a text repeats itself, as Gopher measures it (Rae et al. 2021, table A1): lines and paragraphs that
// occurred before, the most frequent short n-gram, and what longer n-grams that occurred before cover. Linear time: an
// n-gram can repeat only where both (n-1)-grams in it repeat, so each length looks only at places the one before left.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/text/quality/words.h"

namespace hearth::text {

constexpr std::size_t longest_gram = 10;

struct GramRepetition {
  // By n. For n of 2 to 4: characters of the most frequent n-gram (words joined by one space) times its frequency; of
  // equally frequent ones the first. For n of 5 to 10: characters of n-grams that occurred before, found from left to
  // right without overlap, spaces between words not counted.
  std::array<std::uint64_t, longest_gram + 1> characters{};
};

// Looks at no more than the first 2^20 words; what they cover is measured against them alone (scale it by n_looked).
GramRepetition gram_repetition(const std::vector<Word>& words);
constexpr std::size_t most_words = 1u << 20;

// The pieces (lines, paragraphs) equal to one before.
struct PieceRepetition {
  std::uint64_t n_pieces = 0, n_repeated = 0, repeated_characters = 0;
};

// Counts pieces as they come.
class PieceSet {
 public:
  explicit PieceSet(std::size_t expected);
  void add(std::string_view piece);
  const PieceRepetition& found() const { return found_; }

 private:
  void grow();
  std::vector<std::uint64_t> table_;  // hashes; 0 is free
  std::size_t n_distinct_ = 0;
  PieceRepetition found_;
};

}  // namespace hearth::text
