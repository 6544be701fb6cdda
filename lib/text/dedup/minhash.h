// SPDX-License-Identifier: Apache-2.0
// MinHash (Broder 1997) of a text's shingles: runs of five folded words (words.h), in which numbers count as 0 unless
// all five are numbers (or every table would be a copy of every other). A text of fewer words is one shingle. Of each
// of 112 permutations one byte of the smallest hash is kept (b-bit minwise hashing, Li and Koenig 2010): two texts of
// Jaccard similarity s agree in a byte with probability s + (1 - s) / 256, so the bytes serve both to find candidates
// (14 bands of 8 bytes, equal with probability near s^8 each) and to estimate s (standard error 0.04 at s = 0.8).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hearth::text::dedup {

constexpr std::size_t n_bands = 14, rows_per_band = 8, n_permutations = n_bands * rows_per_band;
constexpr std::size_t words_per_shingle = 5;

using Signature = std::array<std::uint8_t, n_permutations>;

// False for a text without words.
bool make_signature(std::string_view text, Signature& signature);

std::uint64_t band_of(const Signature& signature, std::size_t band);

// The estimated Jaccard similarity of the two texts, 0 to 1.
double similarity_of(const Signature& a, const Signature& b);

// The least of each permutation over n hashes and what minima holds. minima: [n_permutations].
void take_minima(const std::uint32_t* hashes, std::size_t n, std::uint32_t* minima);

}  // namespace hearth::text::dedup
