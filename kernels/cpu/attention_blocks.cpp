// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/targets.h"
// before all others
#include <limits>

#include "kernels/cpu/attention_blocks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention_blocks.cpp"
#include <hwy/foreach_target.h>
// after foreach_target
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hearth::kernels::cpu::HWY_NAMESPACE {

constexpr float none = -std::numeric_limits<float>::infinity();

// Lanes i .. i + lanes that lie in [begin, end).
HWY_INLINE auto within(std::int64_t i, std::int64_t begin, std::int64_t end) {
  const hn::RebindToSigned<F32> integers;
  const auto index = hn::Add(hn::Iota(integers, 0), hn::Set(integers, static_cast<std::int32_t>(i)));
  const auto from = hn::Set(integers, static_cast<std::int32_t>(begin)),
             to = hn::Set(integers, static_cast<std::int32_t>(end));
  return hn::RebindMask(f32_tag, hn::And(hn::Not(hn::Lt(index, from)), hn::Lt(index, to)));
}

// z from q . k; slope becomes dz / d(q . k).
HWY_INLINE V score(V product, const ScoreBlock& block, V& slope) {
  slope = hn::Set(f32_tag, block.scale);
  const V z = hn::Mul(product, slope);
  if (block.softcap <= 0) return z;
  const V t = hn::Tanh(f32_tag, hn::Div(z, hn::Set(f32_tag, block.softcap)));
  slope = hn::Mul(slope, hn::NegMulAdd(t, t, hn::Set(f32_tag, 1.0f)));
  return hn::Mul(t, hn::Set(f32_tag, block.softcap));
}

// The keys of the block that its query number `row` sees, counted from the block's first.
KeyRange seen(const ScoreBlock& block, std::int64_t row) {
  const KeyRange keys = visible_keys(*block.mask, block.first_query + row, block.length, block.shift);
  return {std::clamp<std::int64_t>(keys.begin - block.first_key, 0, block.keys),
          std::clamp<std::int64_t>(keys.end - block.first_key, 0, block.keys)};
}

template <class P>
void softmax_rows(const ScoreBlock& block, float* max, float* sum, float* o, std::int64_t o_stride) {
  for (std::int64_t row = 0; row < block.queries; ++row) {
    float* const z = block.scores + row * block.stride;
    P* const p = static_cast<P*>(block.p) + row * block.stride;
    const KeyRange keys = seen(block, row);
    if (keys.begin >= keys.end) {
      std::fill_n(reinterpret_cast<std::uint8_t*>(p), block.stride * sizeof(P), 0);
      continue;
    }
    const std::int64_t first = keys.begin / lanes * lanes, padded = (keys.end + lanes - 1) / lanes * lanes;
    V greatest = hn::Set(f32_tag, none), slope;
    for (std::int64_t i = first; i < padded; i += lanes) {
      V value = score(load(z + i), block, slope);
      if (i < keys.begin || i + lanes > keys.end) {
        value = hn::IfThenElse(within(i, keys.begin, keys.end), value, hn::Set(f32_tag, none));
      }
      store(value, z + i);
      greatest = hn::Max(greatest, value);
    }
    const float before = max[row], now = std::max(max_lanes(greatest), before);
    max[row] = now;
    const V shift = hn::Set(f32_tag, now);
    V total = hn::Zero(f32_tag);
    for (std::int64_t i = 0; i < first; i += lanes) store(hn::Zero(f32_tag), p + i);
    for (std::int64_t i = first; i < padded; i += lanes) {
      const V value = exp_fast(hn::Sub(load(z + i), shift));
      total = hn::Add(total, value);
      store(value, p + i);
    }
    for (std::int64_t i = padded; i < block.stride; i += lanes) store(hn::Zero(f32_tag), p + i);
    const float shrink = before == none ? 0.0f : std::exp(before - now);
    sum[row] = sum[row] * shrink + sum_lanes(total);
    if (before == now) continue;
    const V factor = hn::Set(f32_tag, shrink);
    for (std::int64_t i = 0; i < o_stride; i += lanes)
      store(hn::Mul(factor, load(o + row * o_stride + i)), o + row * o_stride + i);
  }
}

void softmax(const ScoreBlock& block, float* max, float* sum, float* o, std::int64_t o_stride) {
  block.p_is_bf16 ? softmax_rows<bf16>(block, max, sum, o, o_stride)
                  : softmax_rows<float>(block, max, sum, o, o_stride);
}

template <class P>
void backward_rows(const ScoreBlock& block, const float* lse, const float* dp, const float* d) {
  for (std::int64_t row = 0; row < block.queries; ++row) {
    const float* const product = block.scores + row * block.stride;
    P* const p = static_cast<P*>(block.p) + row * block.stride;
    P* const dz = static_cast<P*>(block.dz) + row * block.stride;
    const KeyRange keys = seen(block, row);
    const bool sees = keys.begin < keys.end;
    const std::int64_t first = sees ? keys.begin / lanes * lanes : 0;
    const std::int64_t padded = sees ? (keys.end + lanes - 1) / lanes * lanes : 0;
    const V shift = hn::Set(f32_tag, lse[row]), mean = hn::Set(f32_tag, d[row]);
    const auto clear = [&](std::int64_t from, std::int64_t to) HWY_ATTR {
      for (std::int64_t i = from; i < to; i += lanes) {
        store(hn::Zero(f32_tag), p + i);
        store(hn::Zero(f32_tag), dz + i);
      }
    };
    clear(0, first);
    for (std::int64_t i = first; i < padded; i += lanes) {
      V slope;
      const V z = score(load(product + i), block, slope);
      V probability = exp_fast(hn::Sub(z, shift));
      if (i < keys.begin || i + lanes > keys.end) {
        probability = hn::IfThenElseZero(within(i, keys.begin, keys.end), probability);
      }
      store(probability, p + i);
      store(hn::Mul(hn::Mul(slope, probability), hn::Sub(load(dp + row * block.stride + i), mean)), dz + i);
    }
    clear(padded, block.stride);
  }
}

void backward(const ScoreBlock& block, const float* lse, const float* dp, const float* d) {
  block.p_is_bf16 ? backward_rows<bf16>(block, lse, dp, d) : backward_rows<float>(block, lse, dp, d);
}

template <class T>
void scale_row(const float* from, float factor, std::int64_t width, T* to) {
  for (std::int64_t i = 0; i < width; i += lanes) {
    store_n(hn::Mul(load_n(from + i, width - i), hn::Set(f32_tag, factor)), to + i, width - i);
  }
}

void finish(const float* o, std::int64_t o_stride, std::int64_t queries, std::int64_t width, const float* max,
            const float* sum, float sink, const AttentionOutput& output) {
  for (std::int64_t row = 0; row < queries; ++row) {
    const float greatest = std::max(max[row], sink);
    const float own = max[row] == none ? 0.0f : std::exp(max[row] - greatest);
    const float total = sum[row] * own + (sink == none ? 0.0f : std::exp(sink - greatest));
    if (output.lse != nullptr) output.lse[row] = total == 0 ? none : greatest + std::log(total);
    const float factor = total == 0 ? 0.0f : own / total;
    if (output.dtype == DType::bf16) {
      scale_row(o + row * o_stride, factor, width, reinterpret_cast<bf16*>(output.o) + row * output.stride);
    } else {
      scale_row(o + row * o_stride, factor, width, reinterpret_cast<float*>(output.o) + row * output.stride);
    }
  }
}

template <class T>
float row_dot(const T* a, const T* b, std::int64_t width) {
  V sum = hn::Zero(f32_tag);
  for (std::int64_t i = 0; i < width; i += lanes)
    sum = hn::MulAdd(load_n(a + i, width - i), load_n(b + i, width - i), sum);
  return sum_lanes(sum);
}

void dots(const std::byte* a, const std::byte* b, DType dtype, std::int64_t rows, std::int64_t width,
          std::int64_t stride, float* d) {
  for (std::int64_t row = 0; row < rows; ++row) {
    d[row] = dtype == DType::bf16 ? row_dot(reinterpret_cast<const bf16*>(a) + row * stride,
                                            reinterpret_cast<const bf16*>(b) + row * stride, width)
                                  : row_dot(reinterpret_cast<const float*>(a) + row * stride,
                                            reinterpret_cast<const float*>(b) + row * stride, width);
  }
}

}  // namespace hearth::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hearth::kernels::cpu {

HWY_EXPORT(softmax);
HWY_EXPORT(backward);
HWY_EXPORT(finish);
HWY_EXPORT(dots);

void softmax_block(const ScoreBlock& block, float* max, float* sum, float* o, std::int64_t o_stride) {
  HWY_DYNAMIC_DISPATCH(softmax)(block, max, sum, o, o_stride);
}

void softmax_backward_block(const ScoreBlock& block, const float* lse, const float* dp, const float* d) {
  HWY_DYNAMIC_DISPATCH(backward)(block, lse, dp, d);
}

void attention_finish(const float* o, std::int64_t o_stride, std::int64_t queries, std::int64_t width, const float* max,
                      const float* sum, float sink, const AttentionOutput& output) {
  HWY_DYNAMIC_DISPATCH(finish)(o, o_stride, queries, width, max, sum, sink, output);
}

void row_dots(const std::byte* a, const std::byte* b, DType dtype, std::int64_t rows, std::int64_t width,
              std::int64_t stride, float* d) {
  HWY_DYNAMIC_DISPATCH(dots)(a, b, dtype, rows, width, stride, d);
}

}  // namespace hearth::kernels::cpu
#endif
