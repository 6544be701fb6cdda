// SPDX-License-Identifier: Apache-2.0
#include "lib/data/permutation.h"

#include <bit>

#include "lib/base/error.h"
#include "lib/base/rng.h"

namespace hearth::data {

Permutation::Permutation(std::uint64_t n, std::uint64_t key) : n_(n), key_(key) {
  const int bits = n <= 2 ? 2 : std::bit_width(n - 1);
  half_bits_ = (bits + 1) / 2;
}

std::uint64_t Permutation::encrypt(std::uint64_t value) const {
  constexpr int n_rounds = 6;
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  std::uint64_t left = value >> half_bits_, right = value & mask;
  for (int round = 0; round < n_rounds; ++round) {
    const std::uint64_t mixed = left ^ (mix_seed(key_ + static_cast<std::uint64_t>(round), right) & mask);
    left = right;
    right = mixed;
  }
  return left << half_bits_ | right;
}

std::uint64_t Permutation::operator()(std::uint64_t index) const {
  HEARTH_CHECK(index < n_, "index beyond the permutation");
  std::uint64_t value = encrypt(index);
  while (value >= n_) value = encrypt(value);  // under 4 n values in the domain: 4 tries on average at worst
  return value;
}

}  // namespace hearth::data
