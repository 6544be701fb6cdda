// SPDX-License-Identifier: Apache-2.0
// Elementwise operations, AdamW and sums.
#include "kernels/cpu/targets.h"
// before all others
#include "kernels/backend.h"
#include "kernels/cpu/rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/elementwise.cpp"
#include <hwy/foreach_target.h>
// after foreach_target
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hearth::kernels::cpu::HWY_NAMESPACE {

// Reads or writes elements of a tensor of either dtype, chosen at each vector: these ops wait for memory anyway.
HWY_INLINE V get(const Tensor& tensor, std::int64_t i, std::int64_t n) {
  return tensor.dtype == DType::bf16 ? load_n(reinterpret_cast<const bf16*>(tensor.data) + i, n)
                                     : load_n(reinterpret_cast<const float*>(tensor.data) + i, n);
}
HWY_INLINE void put(V value, const Tensor& tensor, std::int64_t i, std::int64_t n) {
  tensor.dtype == DType::bf16 ? store_n(value, reinterpret_cast<bf16*>(tensor.data) + i, n)
                              : store_n(value, reinterpret_cast<float*>(tensor.data) + i, n);
}

void add_range(const AddArgs& args, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; i += lanes) {
    put(hn::Add(get(args.a, i, end - i), get(args.b, i, end - i)), args.y, i, end - i);
  }
}

void scale_range(const ScaleArgs& args, std::int64_t begin, std::int64_t end) {
  const V factor = hn::Set(f32_tag, args.factor);
  for (std::int64_t i = begin; i < end; i += lanes) put(hn::Mul(factor, get(args.x, i, end - i)), args.y, i, end - i);
}

void cast_range(const CastArgs& args, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; i += lanes) put(get(args.x, i, end - i), args.y, i, end - i);
}

void fill_range(const FillArgs& args, std::int64_t begin, std::int64_t end) {
  const V value = hn::Set(f32_tag, args.value);
  for (std::int64_t i = begin; i < end; i += lanes) put(value, args.y, i, end - i);
}

void bias_rows(const AddBiasArgs& args, RowRange rows) {
  const std::int64_t width = args.y.shape[1];
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    for (std::int64_t i = 0; i < width; i += lanes) {
      const V sum = hn::Add(get(args.y, row * width + i, width - i), get(args.bias, i, width - i));
      put(sum, args.y, row * width + i, width - i);
    }
  }
}

void adamw_range(const AdamwArgs& args, std::int64_t begin, std::int64_t end) {
  float* const p = args.parameter.as<float>();
  const float* const gradient = args.gradient.as<float>();
  float* const m = args.m.as<float>();
  float* const v = args.v.as<float>();
  const double step = static_cast<double>(args.step);
  const V scale = hn::Set(f32_tag, args.gradient_scale);
  const V beta1 = hn::Set(f32_tag, args.beta1), beta2 = hn::Set(f32_tag, args.beta2);
  const V rest1 = hn::Set(f32_tag, 1 - args.beta1), rest2 = hn::Set(f32_tag, 1 - args.beta2);
  const V rate = hn::Set(f32_tag, static_cast<float>(args.learning_rate / (1 - std::pow(double{args.beta1}, step))));
  const V correction2 = hn::Set(f32_tag, static_cast<float>(1 / (1 - std::pow(double{args.beta2}, step))));
  const V epsilon = hn::Set(f32_tag, args.epsilon);
  const V keep = hn::Set(f32_tag, 1 - args.learning_rate * args.weight_decay);
  for (std::int64_t i = begin; i < end; i += lanes) {
    const std::int64_t n = end - i;
    const V g = hn::Mul(scale, load_n(gradient + i, n));
    const V first = hn::MulAdd(rest1, g, hn::Mul(beta1, load_n(m + i, n)));
    const V second = hn::MulAdd(rest2, hn::Mul(g, g), hn::Mul(beta2, load_n(v + i, n)));
    store_n(first, m + i, n);
    store_n(second, v + i, n);
    const V change = hn::Div(hn::Mul(rate, first), hn::Add(hn::Sqrt(hn::Mul(second, correction2)), epsilon));
    const V updated = hn::Sub(hn::Mul(keep, load_n(p + i, n)), change);
    store_n(updated, p + i, n);
    if (args.copy) store_n(updated, args.copy.as<bf16>() + i, n);
  }
}

// sum of x * weight, or of x * x without weight's data when `square`; lanes in f32 over 512 vectors, then f64.
double dot_range(const Tensor& x, const Tensor& weight, bool square, std::int64_t begin, std::int64_t end) {
  constexpr std::int64_t span = 512 * lanes;
  double total = 0;
  for (std::int64_t from = begin; from < end; from += span) {
    const std::int64_t to = std::min(end, from + span);
    V sum = hn::Zero(f32_tag);
    for (std::int64_t i = from; i < to; i += lanes) {
      const V value = get(x, i, to - i);
      sum = square ? hn::MulAdd(value, value, sum)
                   : hn::Add(sum, weight ? hn::Mul(value, get(weight, i, to - i)) : value);
    }
    HWY_ALIGN float parts[lanes];
    store(sum, parts);
    for (const float part : parts) total += part;
  }
  return total;
}

void sum_rows_block(const SumRowsArgs& args, RowRange rows, float* total) {
  const std::int64_t width = args.x.shape[1];
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    for (std::int64_t i = 0; i < width; i += lanes) {
      store_n(hn::Add(load_n(total + i, width - i), get(args.x, row * width + i, width - i)), total + i, width - i);
    }
  }
}

}  // namespace hearth::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hearth::kernels::cpu {

HWY_EXPORT(add_range);
HWY_EXPORT(scale_range);
HWY_EXPORT(cast_range);
HWY_EXPORT(fill_range);
HWY_EXPORT(bias_rows);
HWY_EXPORT(adamw_range);
HWY_EXPORT(dot_range);
HWY_EXPORT(sum_rows_block);

void add(Stream& stream, const AddArgs& args) {
  for_element_blocks(stream, args.y.n_elements(), [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(add_range)(args, begin, end);
  });
}

void scale(Stream& stream, const ScaleArgs& args) {
  for_element_blocks(stream, args.y.n_elements(), [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(scale_range)(args, begin, end);
  });
}

void cast(Stream& stream, const CastArgs& args) {
  for_element_blocks(stream, args.y.n_elements(), [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(cast_range)(args, begin, end);
  });
}

void fill(Stream& stream, const FillArgs& args) {
  for_element_blocks(stream, args.y.n_elements(), [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(fill_range)(args, begin, end);
  });
}

void add_bias(Stream& stream, const AddBiasArgs& args) {
  for_row_blocks(stream, args.y.shape[0], args.y.shape[1], [&](RowRange rows, std::int64_t) {
    HWY_DYNAMIC_DISPATCH(bias_rows)(args, rows);
  });
}

void adamw(Stream& stream, const AdamwArgs& args) {
  for_element_blocks(stream, args.parameter.n_elements(), [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(adamw_range)(args, begin, end);
  });
}

namespace {

// Blocks of fixed size, added in order.
double total_of(Stream& stream, const Tensor& x, const Tensor& weight, bool square) {
  constexpr std::int64_t block = 65536;
  const std::int64_t n = x.n_elements();
  std::vector<double> parts((n + block - 1) / block);
  stream.pool().for_each(static_cast<std::int64_t>(parts.size()), [&](std::int64_t i, int) {
    parts[i] = HWY_DYNAMIC_DISPATCH(dot_range)(x, weight, square, i * block, std::min(n, (i + 1) * block));
  });
  double total = 0;
  for (const double part : parts) total += part;
  return total;
}

}  // namespace

void sum_of_squares(Stream& stream, const SumOfSquaresArgs& args) {
  *args.total.as<double>() += total_of(stream, args.x, {}, true);
}

void sum(Stream& stream, const SumArgs& args) {
  *args.total.as<double>() += total_of(stream, args.x, args.weight, false);
}

void sum_rows(Stream& stream, const SumRowsArgs& args) {
  const std::int64_t rows = args.x.shape[0], width = args.x.shape[1];
  const ColumnSums sums(n_row_blocks(rows, width), width);
  for_row_blocks(stream, rows, width, [&](RowRange range, std::int64_t block) {
    HWY_DYNAMIC_DISPATCH(sum_rows_block)(args, range, sums.of(block));
  });
  sums.add_to(args.total.as<float>());
}

}  // namespace hearth::kernels::cpu
#endif
