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

// The rows of x that belong to experts, in their order; memory holds what had to be gathered.
Tensor rows_of(const Tensor& x, const Tensor& gather, const Tensor& offsets, Values& memory) {
  const std::int64_t rows = read_indices(offsets).back(), width = x.shape[1];
  if (!gather) return x.rows(0, rows);
  const Values all = read(x);
  const std::vector<std::int64_t> from = read_indices(gather);
  memory.clear();
  for (std::int64_t row = 0; row < rows; ++row) {
    memory.insert(memory.end(), all.begin() + from[row] * width, all.begin() + (from[row] + 1) * width);
  }
  return {memory.data(), {rows, width}};
}

// The first rows of a tensor that may be absent.
Tensor first(const Tensor& tensor, std::int64_t rows) {
  return tensor ? tensor.rows(0, rows) : tensor;
}

}  // namespace

void grouped_gemm(Stream& stream, const GroupedGemmArgs& args) {
  Values memory;
  const Tensor x = rows_of(args.x, args.gather, args.offsets, memory);
  for_each_expert(args.offsets, [&](std::int64_t expert, std::int64_t begin, std::int64_t count) {
    gemm(stream, {.a = x.rows(begin, count),
                  .b = matrix_of(args.weight, expert),
                  .y = args.y.rows(begin, count),
                  .transpose_b = true});
  });
  const std::int64_t rows = x.shape[0];
  if (args.activated)
    glu(stream,
        {.x = args.y.rows(0, rows), .row_weight = first(args.row_weight, rows), .y = args.activated.rows(0, rows)});
}

void grouped_gemm_input_gradient(Stream& stream, const GroupedGemmInputGradientArgs& args) {
  Values memory;
  const Tensor dy = rows_of(args.dy, args.gather, args.offsets, memory);
  const std::int64_t rows = dy.shape[0], in = args.weight.shape[2];
  Values d_activated(args.gate_up ? rows * in : 0);
  const Tensor dx = args.gate_up ? Tensor(d_activated.data(), {rows, in}) : args.dx;
  for_each_expert(args.offsets, [&](std::int64_t expert, std::int64_t begin, std::int64_t count) {
    gemm(stream, {.a = dy.rows(begin, count), .b = matrix_of(args.weight, expert), .y = dx.rows(begin, count)});
  });
  if (!args.gate_up) return;
  glu_backward(stream, {.dy = dx,
                        .x = args.gate_up.rows(0, rows),
                        .row_weight = first(args.row_weight, rows),
                        .dx = args.d_gate_up.rows(0, rows),
                        .d_row_weight = first(args.d_row_weight, rows),
                        .y = first(args.activated, rows)});
}

void grouped_gemm_weight_gradient(Stream& stream, const GroupedGemmWeightGradientArgs& args) {
  Values dy_memory, x_memory;
  const Tensor dy = rows_of(args.dy, args.gather_dy, args.offsets, dy_memory);
  const Tensor x = rows_of(args.x, args.gather_x, args.offsets, x_memory);
  for_each_expert(args.offsets, [&](std::int64_t expert, std::int64_t begin, std::int64_t count) {
    gemm(stream, {.a = dy.rows(begin, count),
                  .b = x.rows(begin, count),
                  .y = matrix_of(args.dweight, expert),
                  .transpose_a = true,
                  .accumulate = true});
  });
}

}  // namespace hearth::kernels::ref
