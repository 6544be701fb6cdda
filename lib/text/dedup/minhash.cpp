// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/minhash.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "lib/text/dedup/words.h"

namespace hearth::text::dedup {
namespace {

constexpr std::uint64_t base = 0x2545f4914f6cdd1du;  // of the polynomial in words that a shingle is

constexpr std::uint64_t power(std::uint64_t value, std::size_t exponent) {
  return exponent == 0 ? 1 : value * power(value, exponent - 1);
}

// A polynomial over the last words.
class Rolling {
 public:
  void push(std::uint64_t word, std::size_t n_before) {
    const std::uint64_t oldest = words_[(n_before + ring - words_per_shingle) % ring];
    value_ = (value_ - oldest * power(base, words_per_shingle - 1)) * base + word;
    words_[n_before % ring] = word;
  }
  std::uint32_t hash() const { return static_cast<std::uint32_t>(mix64(value_) >> 32); }

 private:
  static constexpr std::size_t ring = 8;
  std::uint64_t value_ = 0;
  std::uint64_t words_[ring] = {};
};

}  // namespace

bool make_signature(std::string_view text, Signature& signature) {
  constexpr std::size_t batch = 2048;
  std::uint32_t hashes[batch];
  std::uint32_t minima[n_permutations];
  std::fill_n(minima, n_permutations, std::numeric_limits<std::uint32_t>::max());
  Rolling numberless, exact;
  std::size_t n_words = 0, n_numbers = 0, n = 0;  // n_numbers: of the words up to here, in a row
  FoldedWords words(text);
  for (Word word; words.next(word);) {
    numberless.push(word.numberless, n_words);
    exact.push(word.exact, n_words);
    n_numbers = word.number ? n_numbers + 1 : 0;
    if (++n_words < words_per_shingle) continue;
    hashes[n++] = n_numbers < words_per_shingle ? numberless.hash() : exact.hash();
    if (n == batch) {
      take_minima(hashes, n, minima);
      n = 0;
    }
  }
  if (n_words == 0) return false;
  if (n_words < words_per_shingle) hashes[n++] = n_numbers < n_words ? numberless.hash() : exact.hash();
  take_minima(hashes, n, minima);
  for (std::size_t i = 0; i < n_permutations; ++i) {
    signature[i] = static_cast<std::uint8_t>(minima[i] * 0x9e3779b1u >> 24);  // small numbers, spread over all bits
  }
  return true;
}

std::uint64_t band_of(const Signature& signature, std::size_t band) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, signature.data() + band * rows_per_band, sizeof bytes);
  return bytes;
}

double similarity_of(const Signature& a, const Signature& b) {
  int n_equal = 0;
  for (std::size_t i = 0; i < n_permutations; ++i) n_equal += a[i] == b[i] ? 1 : 0;
  const double agreement = n_equal / static_cast<double>(n_permutations);
  return std::max(0.0, (agreement * 256 - 1) / 255);
}

}  // namespace hearth::text::dedup
