// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// The i-th draw of a stream is a pure function of (seed, stream, i), so results depend on neither thread nor rank
// count, and the state to checkpoint is one counter.
#pragma once
#include <array>
#include <cstdint>

namespace hearth {

using PhiloxBlock = std::array<std::uint32_t, 4>;

// Ten rounds on a 128-bit counter under a 64-bit key.
PhiloxBlock philox(std::uint64_t key, std::uint64_t counter_low, std::uint64_t counter_high);

// A 64-bit mix of two numbers (SplitMix64's finaliser), to derive the seed of one purpose from another.
std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t purpose);

class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  std::uint64_t below(std::uint64_t bound);  // uniform in [0, bound), without bias; bound > 0
  double uniform();                          // [0, 1), 53 bits
  double normal();                           // mean 0, variance 1 (Box-Muller)

  // The number of 32-bit draws so far; setting it continues a stored stream.
  std::uint64_t position() const { return position_; }
  void set_position(std::uint64_t position);

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t position_ = 0;
  PhiloxBlock block_{};
};

}  // namespace hearth
