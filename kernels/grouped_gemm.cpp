// SPDX-License-Identifier: Apache-2.0
#include "kernels/grouped_gemm.h"

#include <algorithm>

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {
namespace {

std::int64_t rows_of(const Tensor& x, const Tensor& gather) {
  return gather ? gather.shape[0] : x.shape[0];
}

// An input of `rows` rows of `width`, perhaps through a gather; `used` of them are read where that is known.
void check_input(const Operands& operands, const Stream& stream, const char* name, const Tensor& x,
                 const Tensor& gather, std::int64_t rows, std::int64_t width, const Tensor& offsets) {
  operands.rank(name, x, 2);
  operands.check(name, x, {gather ? x.shape[0] : rows, width}, f32_or_bf16);
  operands.check_optional("gather", gather, {rows}, {DType::i32});
  if (!gather || !stream.is_host()) return;
  const auto used = gather.span<std::int32_t>().first(static_cast<std::size_t>(offsets.span<std::int32_t>().back()));
  for (const std::int32_t row : used)
    operands.require(row >= 0 && row < x.shape[0], "gather has row " + std::to_string(row) + " of " + x.shape.text());
}

void check_weight(const Operands& operands, const Stream& stream, const Tensor& weight, const Tensor& offsets,
                  std::int64_t rows, std::initializer_list<DType> dtypes) {
  operands.rank("weight", weight, 3);
  operands.check("weight", weight, weight.shape, dtypes);
  operands.check("offsets", offsets, {weight.shape[0] + 1}, {DType::i32});
  operands.offsets(stream, "offsets", offsets, rows, false);
}

}  // namespace

void grouped_gemm(Stream& stream, const GroupedGemmArgs& args) {
  const Operands operands("grouped_gemm");
  const std::int64_t rows = rows_of(args.x, args.gather);
  check_weight(operands, stream, args.weight, args.offsets, rows, f32_or_bf16);
  const std::int64_t out = args.weight.shape[1], in = args.weight.shape[2];
  check_input(operands, stream, "x", args.x, args.gather, rows, in, args.offsets);
  operands.check("y", args.y, {rows, out}, f32_or_bf16);
  operands.check_optional("activated", args.activated, {rows, out / 2}, {args.y.dtype});
  operands.check_optional("row_weight", args.row_weight, {rows}, {DType::f32});
  operands.require(!args.activated || (out % 2 == 0 && args.y.dtype == args.x.dtype),
                   "a glu wants gates and ups of x's dtype");
  if (rows == 0 || out == 0) return;
  if (in == 0) {
    fill(stream, {.y = args.y, .value = 0});
    if (args.activated) fill(stream, {.y = args.activated, .value = 0});
    return;
  }
  backend_of(stream).grouped_gemm(stream, args);
}

void grouped_gemm_input_gradient(Stream& stream, const GroupedGemmInputGradientArgs& args) {
  const Operands operands("grouped_gemm_input_gradient");
  const std::int64_t rows = rows_of(args.dy, args.gather);
  check_weight(operands, stream, args.weight, args.offsets, rows, f32_or_bf16);
  const std::int64_t out = args.weight.shape[1], in = args.weight.shape[2];
  check_input(operands, stream, "dy", args.dy, args.gather, rows, out, args.offsets);
  operands.require(bool(args.dx) != bool(args.gate_up) || rows * in == 0, "either dx or gate_up");
  operands.check_optional("dx", args.dx, {rows, in}, f32_or_bf16);
  operands.check_optional("gate_up", args.gate_up, {rows, 2 * in}, {args.dy.dtype});
  if (args.gate_up) operands.check("d_gate_up", args.d_gate_up, args.gate_up.shape, {args.dy.dtype});
  operands.check_optional("row_weight", args.row_weight, {rows}, {DType::f32});
  operands.check_optional("d_row_weight", args.d_row_weight, {rows}, {DType::f32});
  operands.require(bool(args.row_weight) == bool(args.d_row_weight), "row_weight and d_row_weight go together");
  operands.check_optional("activated", args.activated, {rows, in}, {args.dy.dtype});
  if (rows == 0 || in == 0) return;
  operands.require(out > 0 || !args.gate_up, "a glu's gradient out of nothing");
  if (out == 0) return fill(stream, {.y = args.dx, .value = 0});
  backend_of(stream).grouped_gemm_input_gradient(stream, args);
}

void grouped_gemm_weight_gradient(Stream& stream, const GroupedGemmWeightGradientArgs& args) {
  const Operands operands("grouped_gemm_weight_gradient");
  const std::int64_t rows = rows_of(args.x, args.gather_x);
  check_weight(operands, stream, args.dweight, args.offsets, rows, {DType::f32});
  check_input(operands, stream, "dy", args.dy, args.gather_dy, rows, args.dweight.shape[1], args.offsets);
  check_input(operands, stream, "x", args.x, args.gather_x, rows, args.dweight.shape[2], args.offsets);
  if (rows == 0 || args.dweight.n_elements() == 0) return;
  backend_of(stream).grouped_gemm_weight_gradient(stream, args);
}

}  // namespace hearth::kernels
