// SPDX-License-Identifier: Apache-2.0
// The permutations of minhash.h, all of them for one hash after another in vector registers: (hash ^ a) * b modulo
// 2^32, b odd, is a bijection. 2 to 14 cycles a shingle and vector of permutations' worth, at any instruction set.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <array>

#include "lib/text/dedup/minhash.h"
#include "lib/text/dedup/words.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lib/text/dedup/minhash_minima.cpp"
#include <hwy/foreach_target.h>
// after foreach_target
#include <hwy/highway.h>

#ifndef HEARTH_TEXT_DEDUP_PERMUTATIONS
#define HEARTH_TEXT_DEDUP_PERMUTATIONS
namespace hearth::text::dedup {
struct Permutations {
  alignas(64) std::array<std::uint32_t, n_permutations> a{}, b{};
};
constexpr Permutations permutations = [] {
  Permutations drawn;
  for (std::size_t i = 0; i < n_permutations; ++i) {
    const std::uint64_t draw = mix64(hash_start + i * hash_step);
    drawn.a[i] = static_cast<std::uint32_t>(draw >> 32);
    drawn.b[i] = static_cast<std::uint32_t>(draw) | 1;
  }
  return drawn;
}();
}  // namespace hearth::text::dedup
#endif

HWY_BEFORE_NAMESPACE();
namespace hearth::text::dedup::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void take_minima(const std::uint32_t* hashes, std::size_t n, std::uint32_t* minima) {
  const hn::CappedTag<std::uint32_t, 16> tag;  // 112 is 7 * 16
  using V = hn::Vec<decltype(tag)>;
  const std::size_t lanes = hn::Lanes(tag);
  const auto* const a = permutations.a.data();
  const auto* const b = permutations.b.data();
  for (std::size_t i = 0; i < n_permutations; i += 7 * lanes) {
    V least0 = hn::LoadU(tag, minima + i), least1 = hn::LoadU(tag, minima + i + lanes);
    V least2 = hn::LoadU(tag, minima + i + 2 * lanes), least3 = hn::LoadU(tag, minima + i + 3 * lanes);
    V least4 = hn::LoadU(tag, minima + i + 4 * lanes), least5 = hn::LoadU(tag, minima + i + 5 * lanes);
    V least6 = hn::LoadU(tag, minima + i + 6 * lanes);
    for (std::size_t j = 0; j < n; ++j) {
      const V hash = hn::Set(tag, hashes[j]);
      const auto take = [&](V& least, std::size_t k) HWY_ATTR {
        const std::size_t at = i + k * lanes;
        least = hn::Min(least, hn::Mul(hn::Xor(hash, hn::LoadU(tag, a + at)), hn::LoadU(tag, b + at)));
      };
      take(least0, 0), take(least1, 1), take(least2, 2), take(least3, 3);
      take(least4, 4), take(least5, 5), take(least6, 6);
    }
    hn::StoreU(least0, tag, minima + i), hn::StoreU(least1, tag, minima + i + lanes);
    hn::StoreU(least2, tag, minima + i + 2 * lanes), hn::StoreU(least3, tag, minima + i + 3 * lanes);
    hn::StoreU(least4, tag, minima + i + 4 * lanes), hn::StoreU(least5, tag, minima + i + 5 * lanes);
    hn::StoreU(least6, tag, minima + i + 6 * lanes);
  }
}

}  // namespace hearth::text::dedup::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hearth::text::dedup {

HWY_EXPORT(take_minima);

void take_minima(const std::uint32_t* hashes, std::size_t n, std::uint32_t* minima) {
  HWY_DYNAMIC_DISPATCH(take_minima)(hashes, n, minima);
}

}  // namespace hearth::text::dedup
#endif
