// SPDX-License-Identifier: Apache-2.0
#include "kernels/grouped_gemm.h"

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {
namespace {

// Calls body(expert, first row, number of rows) for each expert that has rows.
template <class Body>
void for_each_expert(const Tensor& offsets, const Body& body) {
  const std::vector<std::int64_t> begin = read_indices(offsets);
  for (std::size_t expert = 0; expert + 1 < begin.size(); ++expert) {
    if (begin[expert + 1] > begin[expert]) {
      body(static_cast<std::int64_t>(expert), begin[expert], begin[expert + 1] - begin[expert]);
    }
  }
}

Tensor matrix_of(const Tensor& weight, std::int64_t expert) {
  return weight.rows(expert, 1).reshaped({weight.shape[1], weight.shape[2]});
}

}  // namespace

void grouped_gemm(Stream& stream, const GroupedGemmArgs& args) {
  for_each_expert(args.offsets, [&](std::int64_t expert, std::int64_t begin, std::int64_t count) {
    gemm(stream, {.a = args.x.rows(begin, count),
                  .b = matrix_of(args.weight, expert),
                  .y = args.y.rows(begin, count),
                  .transpose_b = true});
  });
}

void grouped_gemm_input_gradient(Stream& stream, const GroupedGemmInputGradientArgs& args) {
  for_each_expert(args.offsets, [&](std::int64_t expert, std::int64_t begin, std::int64_t count) {
    gemm(stream,
         {.a = args.dy.rows(begin, count), .b = matrix_of(args.weight, expert), .y = args.dx.rows(begin, count)});
  });
}

void grouped_gemm_weight_gradient(Stream& stream, const GroupedGemmWeightGradientArgs& args) {
  for_each_expert(args.offsets, [&](std::int64_t expert, std::int64_t begin, std::int64_t count) {
    gemm(stream, {.a = args.dy.rows(begin, count),
                  .b = args.x.rows(begin, count),
                  .y = matrix_of(args.dweight, expert),
                  .transpose_a = true,
                  .accumulate = true});
  });
}

}  // namespace hearth::kernels::ref
