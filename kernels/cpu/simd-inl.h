// SPDX-License-Identifier: Apache-2.0
// What the vector kernels share: loads and stores of f32 and bf16 alike as vectors of f32, and loops over a row with
// its tail. Included once for each instruction set (Highway's foreach_target), hence the unusual guard.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "lib/base/dtype.h"

#if defined(HEARTH_KERNELS_CPU_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEARTH_KERNELS_CPU_SIMD_INL_H_
#undef HEARTH_KERNELS_CPU_SIMD_INL_H_
#else
#define HEARTH_KERNELS_CPU_SIMD_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace hearth::kernels::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using V = hn::Vec<F32>;
constexpr F32 f32_tag{};
// A compile-time constant on every instruction set x86 has.
constexpr std::int64_t lanes = hn::MaxLanes(f32_tag);

HWY_INLINE V load(const float* from) {
  return hn::LoadU(f32_tag, from);
}
HWY_INLINE V load(const bf16* from) {
  const hn::Rebind<std::uint16_t, F32> half;
  const hn::RebindToUnsigned<F32> wide;
  return hn::BitCast(
      f32_tag, hn::ShiftLeft<16>(hn::PromoteTo(wide, hn::LoadU(half, reinterpret_cast<const std::uint16_t*>(from)))));
}

HWY_INLINE void store(V value, float* to) {
  hn::StoreU(value, f32_tag, to);
}
// Rounds to nearest even; a NaN stays one.
HWY_INLINE void store(V value, bf16* to) {
  const hn::Rebind<std::uint16_t, F32> half;
  const hn::RebindToSigned<F32> wide;
  const hn::RebindToUnsigned<F32> bits_tag;
  const auto bits = hn::BitCast(bits_tag, value);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(bits_tag, 1));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(bits_tag, 0x7fff))));
  const auto quiet = hn::ShiftRight<16>(hn::Or(bits, hn::Set(bits_tag, 0x400000)));
  const auto is_nan = hn::RebindMask(bits_tag, hn::IsNaN(value));
  const auto result = hn::BitCast(wide, hn::IfThenElse(is_nan, quiet, rounded));
  hn::StoreU(hn::DemoteTo(half, result), half, reinterpret_cast<std::uint16_t*>(to));
}

// The same for the first n lanes; the others read as 0 and are not written.
HWY_INLINE V load_n(const float* from, std::int64_t n) {
  if (n >= lanes) return load(from);
  return hn::MaskedLoad(hn::FirstN(f32_tag, static_cast<std::size_t>(n)), f32_tag, from);
}
HWY_INLINE V load_n(const bf16* from, std::int64_t n) {
  if (n >= lanes) return load(from);
  HWY_ALIGN bf16 part[lanes] = {};  // no instruction set below AVX-512 masks 16-bit loads
  for (std::int64_t i = 0; i < n; ++i) part[i] = from[i];
  return load(part);
}
HWY_INLINE void store_n(V value, float* to, std::int64_t n) {
  if (n >= lanes) return store(value, to);
  hn::BlendedStore(value, hn::FirstN(f32_tag, static_cast<std::size_t>(n)), f32_tag, to);
}
HWY_INLINE void store_n(V value, bf16* to, std::int64_t n) {
  if (n >= lanes) return store(value, to);
  HWY_ALIGN bf16 part[lanes];
  store(value, part);
  for (std::int64_t i = 0; i < n; ++i) to[i] = part[i];
}

// e^x to about 2 ulp for x in [-87, 88], 0 below (also for -infinity); x above 88 is taken as 88; a NaN stays one.
HWY_INLINE V exp_fast(V x) {
  const hn::RebindToSigned<F32> integers;
  const auto tiny = hn::Lt(x, hn::Set(f32_tag, -87.0f));
  // x stands second: x86 hands on a NaN only from there.
  x = hn::Min(hn::Set(f32_tag, 88.0f), hn::Max(hn::Set(f32_tag, -87.0f), x));
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits, ready to be added to an exponent.
  const V magic = hn::Set(f32_tag, 12582912.0f), shifted = hn::MulAdd(x, hn::Set(f32_tag, 1.44269504f), magic);
  const V n = hn::Sub(shifted, magic);
  V r = hn::NegMulAdd(n, hn::Set(f32_tag, 0.693359375f), x);
  r = hn::NegMulAdd(n, hn::Set(f32_tag, -2.12194440e-4f), r);
  V p = hn::Set(f32_tag, 1.9875691500e-4f);  // the polynomial of Cephes' expf
  p = hn::MulAdd(p, r, hn::Set(f32_tag, 1.3981999507e-3f));
  p = hn::MulAdd(p, r, hn::Set(f32_tag, 8.3334519073e-3f));
  p = hn::MulAdd(p, r, hn::Set(f32_tag, 4.1665795894e-2f));
  p = hn::MulAdd(p, r, hn::Set(f32_tag, 1.6666665459e-1f));
  p = hn::MulAdd(p, r, hn::Set(f32_tag, 5.0000001201e-1f));
  p = hn::MulAdd(p, hn::Mul(r, r), hn::Add(r, hn::Set(f32_tag, 1.0f)));
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(integers, shifted));
  return hn::IfThenZeroElse(tiny, hn::BitCast(f32_tag, hn::Add(hn::BitCast(integers, p), exponent)));
}

HWY_INLINE float sum_lanes(V value) {
  return hn::GetLane(hn::SumOfLanes(f32_tag, value));
}
HWY_INLINE float max_lanes(V value) {
  return hn::GetLane(hn::MaxOfLanes(f32_tag, value));
}

}  // namespace hearth::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
