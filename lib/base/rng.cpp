// SPDX-License-Identifier: Apache-2.0
#include "lib/base/rng.h"

#include <cmath>
#include <numbers>

#include "lib/base/error.h"

namespace hearth {

PhiloxBlock philox(std::uint64_t key, std::uint64_t counter_low, std::uint64_t counter_high) {
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  auto c0 = static_cast<std::uint32_t>(counter_low);
  auto c1 = static_cast<std::uint32_t>(counter_low >> 32);
  auto c2 = static_cast<std::uint32_t>(counter_high);
  auto c3 = static_cast<std::uint32_t>(counter_high >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * c0;
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * c2;
    c0 = static_cast<std::uint32_t>(product1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(product1);
    c2 = static_cast<std::uint32_t>(product0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(product0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {c0, c1, c2, c3};
}

std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t purpose) {
  std::uint64_t z = seed + 0x9E3779B97F4A7C15u * (purpose + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

std::uint32_t Rng::next_u32() {
  const auto lane = static_cast<std::size_t>(position_ & 3u);
  if (lane == 0) block_ = philox(seed_, position_ >> 2, stream_);
  ++position_;
  return block_[lane];
}

std::uint64_t Rng::next_u64() {
  const std::uint64_t low = next_u32();
  return low | (std::uint64_t{next_u32()} << 32);
}

// Lemire's multiply-shift with rejection ("Fast random integer generation in an interval", 2019).
std::uint64_t Rng::below(std::uint64_t bound) {
  HEARTH_CHECK(bound > 0, "no number is below 0");
  const std::uint64_t threshold = (0 - bound) % bound;
  while (true) {
    const auto wide = static_cast<unsigned __int128>(next_u64()) * bound;
    if (static_cast<std::uint64_t>(wide) >= threshold) return static_cast<std::uint64_t>(wide >> 64);
  }
}

double Rng::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1.0p-53; }

double Rng::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

void Rng::set_position(std::uint64_t position) {
  position_ = position;
  if ((position_ & 3u) != 0) block_ = philox(seed_, position_ >> 2, stream_);
}

}  // namespace hearth
