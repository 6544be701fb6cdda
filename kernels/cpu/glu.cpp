// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/targets.h"
// before all others
#include "kernels/backend.h"
#include "kernels/cpu/rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/glu.cpp"
#include <hwy/foreach_target.h>
// after foreach_target
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hearth::kernels::cpu::HWY_NAMESPACE {

HWY_INLINE V sigmoid(V x) {
  const V one = hn::Set(f32_tag, 1.0f);
  return hn::Div(one, hn::Add(one, exp_fast(hn::Neg(x))));
}

template <class T>
void forward_rows(const GluArgs& args, RowRange rows) {
  const std::int64_t ffn = args.y.shape[1];
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const T* const gate = args.x.as<T>() + row * 2 * ffn;
    const T* const up = gate + ffn;
    T* const y = args.y.as<T>() + row * ffn;
    const V weight = hn::Set(f32_tag, args.row_weight ? args.row_weight.as<float>()[row] : 1.0f);
    for (std::int64_t i = 0; i < ffn; i += lanes) {
      const std::int64_t n = ffn - i;
      const V g = load_n(gate + i, n);
      store_n(hn::Mul(weight, hn::Mul(hn::Mul(g, sigmoid(g)), load_n(up + i, n))), y + i, n);
    }
  }
}

void forward(const GluArgs& args, RowRange rows) {
  args.y.dtype == DType::bf16 ? forward_rows<bf16>(args, rows) : forward_rows<float>(args, rows);
}

template <class T>
void backward_rows(const GluBackwardArgs& args, RowRange rows) {
  const std::int64_t ffn = args.dy.shape[1];
  const V one = hn::Set(f32_tag, 1.0f);
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const T* const gate = args.x.as<T>() + row * 2 * ffn;
    const T* const dy = args.dy.as<T>() + row * ffn;
    T* const dx = args.dx.as<T>() + row * 2 * ffn;
    T* const y = args.y ? args.y.as<T>() + row * ffn : nullptr;
    const V weight = hn::Set(f32_tag, args.row_weight ? args.row_weight.as<float>()[row] : 1.0f);
    V dot = hn::Zero(f32_tag);
    for (std::int64_t i = 0; i < ffn; i += lanes) {
      const std::int64_t n = ffn - i;
      const V g = load_n(gate + i, n), u = load_n(gate + ffn + i, n), d = load_n(dy + i, n);
      const V s = sigmoid(g), silu = hn::Mul(g, s), a = hn::Mul(silu, u), da = hn::Mul(weight, d);
      dot = hn::MulAdd(d, a, dot);
      if (y) store_n(hn::Mul(weight, a), y + i, n);
      const V slope = hn::Mul(s, hn::MulAdd(g, hn::Sub(one, s), one));
      store_n(hn::Mul(hn::Mul(da, u), slope), dx + i, n);
      store_n(hn::Mul(da, silu), dx + ffn + i, n);
    }
    if (args.d_row_weight) args.d_row_weight.as<float>()[row] = sum_lanes(dot);
  }
}

void backward(const GluBackwardArgs& args, RowRange rows) {
  args.dy.dtype == DType::bf16 ? backward_rows<bf16>(args, rows) : backward_rows<float>(args, rows);
}

}  // namespace hearth::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hearth::kernels::cpu {

HWY_EXPORT(forward);
HWY_EXPORT(backward);

void glu(Stream& stream, const GluArgs& args) {
  for_row_blocks(stream, args.y.shape[0], 2 * args.y.shape[1], [&](RowRange rows, std::int64_t) {
    HWY_DYNAMIC_DISPATCH(forward)(args, rows);
  });
}

void glu_backward(Stream& stream, const GluBackwardArgs& args) {
  for_row_blocks(stream, args.dy.shape[0], 2 * args.dy.shape[1], [&](RowRange rows, std::int64_t) {
    HWY_DYNAMIC_DISPATCH(backward)(args, rows);
  });
}

}  // namespace hearth::kernels::cpu
#endif
