// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/targets.h"
// before all others
#include <vector>

#include "kernels/backend.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rmsnorm.cpp"
#include <hwy/foreach_target.h>
// after foreach_target
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hearth::kernels::cpu::HWY_NAMESPACE {

template <class T>
void forward_rows(const RmsnormArgs& args, const float* weight, RowRange rows) {
  const std::int64_t width = args.x.shape[1];
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const T* s = args.x.as<T>() + row * width;
    T* const y = args.y.as<T>() + row * width;
    V squares = hn::Zero(f32_tag);
    if (args.residual) {
      const T* const residual = args.residual.as<T>() + row * width;
      T* const sum = args.sum.as<T>() + row * width;
      for (std::int64_t i = 0; i < width; i += lanes) {
        store_n(hn::Add(load_n(s + i, width - i), load_n(residual + i, width - i)), sum + i, width - i);
        const V rounded = load_n(sum + i, width - i);
        squares = hn::MulAdd(rounded, rounded, squares);
      }
      s = sum;
    } else {
      for (std::int64_t i = 0; i < width; i += lanes) {
        const V value = load_n(s + i, width - i);
        squares = hn::MulAdd(value, value, squares);
      }
    }
    const float rstd = 1 / std::sqrt(sum_lanes(squares) / static_cast<float>(width) + args.epsilon);
    if (args.rstd) args.rstd.as<float>()[row] = rstd;
    const V factor = hn::Set(f32_tag, rstd);
    for (std::int64_t i = 0; i < width; i += lanes) {
      const V value = hn::Mul(load_n(s + i, width - i), factor);
      store_n(hn::Mul(value, load_n(weight + i, width - i)), y + i, width - i);
    }
  }
}

void forward(const RmsnormArgs& args, const float* weight, RowRange rows) {
  args.x.dtype == DType::bf16 ? forward_rows<bf16>(args, weight, rows) : forward_rows<float>(args, weight, rows);
}

template <class T>
void backward_rows(const RmsnormBackwardArgs& args, const float* weight, RowRange rows, float* dweight) {
  const std::int64_t width = args.s.shape[1];
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const T* const s = args.s.as<T>() + row * width;
    const T* const dy = args.dy.as<T>() + row * width;
    const T* const past = args.d_residual ? args.d_residual.as<T>() + row * width : nullptr;
    T* const ds = args.ds.as<T>() + row * width;
    const float rstd = args.rstd.as<float>()[row];
    const V factor = hn::Set(f32_tag, rstd);
    V dot = hn::Zero(f32_tag);
    for (std::int64_t i = 0; i < width; i += lanes) {
      const std::int64_t n = width - i;
      const V gs = hn::Mul(load_n(dy + i, n), load_n(s + i, n));
      dot = hn::MulAdd(gs, load_n(weight + i, n), dot);
      if (dweight) store_n(hn::MulAdd(gs, factor, load_n(dweight + i, n)), dweight + i, n);
    }
    const V mean = hn::Set(f32_tag, sum_lanes(dot) / static_cast<float>(width) * rstd * rstd);
    for (std::int64_t i = 0; i < width; i += lanes) {
      const std::int64_t n = width - i;
      const V g = hn::Mul(load_n(dy + i, n), load_n(weight + i, n));
      V value = hn::Mul(factor, hn::NegMulAdd(load_n(s + i, n), mean, g));
      if (past) value = hn::Add(value, load_n(past + i, n));
      store_n(value, ds + i, n);
    }
  }
}

void backward(const RmsnormBackwardArgs& args, const float* weight, RowRange rows, float* dweight) {
  args.s.dtype == DType::bf16 ? backward_rows<bf16>(args, weight, rows, dweight)
                              : backward_rows<float>(args, weight, rows, dweight);
}

}  // namespace hearth::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hearth::kernels::cpu {
namespace {

// The weight in f32: ones where there is none.
std::vector<float> weight_of(const Tensor& weight, std::int64_t width) {
  std::vector<float> values(width, 1.0f);
  if (weight && weight.dtype == DType::f32) std::copy_n(weight.as<float>(), width, values.begin());
  if (weight && weight.dtype == DType::bf16) {
    for (std::int64_t i = 0; i < width; ++i) values[i] = static_cast<float>(weight.as<bf16>()[i]);
  }
  return values;
}

}  // namespace

HWY_EXPORT(forward);
HWY_EXPORT(backward);

void rmsnorm(Stream& stream, const RmsnormArgs& args) {
  const std::vector<float> weight = weight_of(args.weight, args.x.shape[1]);
  for_row_blocks(stream, args.x.shape[0], args.x.shape[1], [&](RowRange rows, std::int64_t) {
    HWY_DYNAMIC_DISPATCH(forward)(args, weight.data(), rows);
  });
}

void rmsnorm_backward(Stream& stream, const RmsnormBackwardArgs& args) {
  const std::int64_t rows = args.s.shape[0], width = args.s.shape[1];
  const std::vector<float> weight = weight_of(args.weight, width);
  ColumnSums sums(args.dweight ? n_row_blocks(rows, width) : 0, width);
  for_row_blocks(stream, rows, width, [&](RowRange range, std::int64_t block) {
    HWY_DYNAMIC_DISPATCH(backward)(args, weight.data(), range, args.dweight ? sums.of(block) : nullptr);
  });
  if (args.dweight) sums.add_to(args.dweight.as<float>());
}

}  // namespace hearth::kernels::cpu
#endif
