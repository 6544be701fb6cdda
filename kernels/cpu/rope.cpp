// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/targets.h"
// before all others
#include "kernels/backend.h"
#include "kernels/cpu/rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rope.cpp"
#include <hwy/foreach_target.h>
// after foreach_target
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hearth::kernels::cpu::HWY_NAMESPACE {

template <class T>
void turn_tokens(const RopeArgs& args, RowRange tokens) {
  const std::int64_t heads = args.x.shape[1], head_dim = args.x.shape[2], half = args.cos_sin.shape[2];
  const V sign = hn::Set(f32_tag, args.backward ? -1.0f : 1.0f);
  for (std::int64_t token = tokens.begin; token < tokens.end; ++token) {
    const float* const cosine = args.cos_sin.as<float>() + token * 2 * half;
    const float* const sine = cosine + half;
    for (std::int64_t head = 0; head < heads; ++head) {
      const T* const x = args.x.as<T>() + (token * heads + head) * head_dim;
      T* const y = args.y.as<T>() + (token * heads + head) * head_dim;
      for (std::int64_t i = 0; i < half; i += lanes) {
        const std::int64_t n = half - i;
        const V low = load_n(x + i, n), high = load_n(x + half + i, n);
        const V c = load_n(cosine + i, n), s = hn::Mul(sign, load_n(sine + i, n));
        store_n(hn::NegMulAdd(high, s, hn::Mul(low, c)), y + i, n);
        store_n(hn::MulAdd(low, s, hn::Mul(high, c)), y + half + i, n);
      }
      if (y != x) std::copy(x + 2 * half, x + head_dim, y + 2 * half);
    }
  }
}

void turn(const RopeArgs& args, RowRange tokens) {
  args.x.dtype == DType::bf16 ? turn_tokens<bf16>(args, tokens) : turn_tokens<float>(args, tokens);
}

}  // namespace hearth::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hearth::kernels::cpu {

HWY_EXPORT(turn);

void rope_table(Stream& stream, const RopeTableArgs& args) {
  const std::int64_t half = args.inverse_frequency.shape[0];
  const float* const frequency = args.inverse_frequency.as<float>();
  for_row_blocks(stream, args.positions.shape[0], 16 * half, [&](RowRange tokens, std::int64_t) {
    for (std::int64_t token = tokens.begin; token < tokens.end; ++token) {
      float* const out = args.cos_sin.as<float>() + token * 2 * half;
      for (std::int64_t i = 0; i < half; ++i) {
        const float angle = static_cast<float>(args.positions.as<std::int32_t>()[token]) * frequency[i];
        out[i] = args.multiplier * std::cos(angle);
        out[half + i] = args.multiplier * std::sin(angle);
      }
    }
  });
}

void rope(Stream& stream, const RopeArgs& args) {
  for_row_blocks(stream, args.x.shape[0], args.x.shape[1] * args.x.shape[2], [&](RowRange tokens, std::int64_t) {
    HWY_DYNAMIC_DISPATCH(turn)(args, tokens);
  });
}

}  // namespace hearth::kernels::cpu
#endif
