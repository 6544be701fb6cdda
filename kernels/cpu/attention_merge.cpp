// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/targets.h"
// before all others
#include <limits>

#include "kernels/backend.h"
#include "kernels/cpu/rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention_merge.cpp"
#include <hwy/foreach_target.h>
// after foreach_target
#include "kernels/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hearth::kernels::cpu::HWY_NAMESPACE {

template <class T>
void merge_rows(const AttentionMergeArgs& args, RowRange rows) {
  const std::int64_t tokens = args.o.shape[0], heads = args.o.shape[1], v_dim = args.o.shape[2];
  for (std::int64_t row = rows.begin; row < rows.end; ++row) {
    const std::int64_t at = row % heads * tokens + row / heads;
    float& lse = args.lse.as<float>()[at];
    const float part = args.part_lse.as<float>()[at];
    if (part == -std::numeric_limits<float>::infinity()) continue;
    const float greatest = std::max(lse, part);
    const float both = greatest + std::log(std::exp(lse - greatest) + std::exp(part - greatest));
    const V of_o = hn::Set(f32_tag, std::exp(lse - both)), of_part = hn::Set(f32_tag, std::exp(part - both));
    float* const o = args.o.as<float>() + row * v_dim;
    const T* const from = args.part_o.as<T>() + row * v_dim;
    for (std::int64_t i = 0; i < v_dim; i += lanes) {
      const std::int64_t n = v_dim - i;
      store_n(hn::MulAdd(of_o, load_n(o + i, n), hn::Mul(of_part, load_n(from + i, n))), o + i, n);
    }
    lse = both;
  }
}

void merge(const AttentionMergeArgs& args, RowRange rows) {
  args.part_o.dtype == DType::bf16 ? merge_rows<bf16>(args, rows) : merge_rows<float>(args, rows);
}

}  // namespace hearth::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hearth::kernels::cpu {

HWY_EXPORT(merge);

void attention_cut(Stream& stream, const AttentionCutArgs& args) {
  ref::attention_cut(stream, args);  // a few numbers
}

void attention_merge(Stream& stream, const AttentionMergeArgs& args) {
  for_row_blocks(stream, args.o.shape[0] * args.o.shape[1], args.o.shape[2], [&](RowRange rows, std::int64_t) {
    HWY_DYNAMIC_DISPATCH(merge)(args, rows);
  });
}

}  // namespace hearth::kernels::cpu
#endif
