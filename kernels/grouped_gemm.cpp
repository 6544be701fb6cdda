// SPDX-License-Identifier: Apache-2.0
#include "kernels/grouped_gemm.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {
namespace {

struct Sizes {
  std::int64_t rows, out, in;
};

// in_rows is [rows, in], out_rows is [rows, out], weight is [experts, out, in]: whichever of them are gradients.
Sizes check(const Stream& stream, const Operands& operands, const Tensor& in_rows, const Tensor& out_rows, const Tensor& weight,
            const Tensor& offsets, std::initializer_list<DType> weight_dtypes) {
  operands.rank("weight", weight, 3);
  operands.rank("rows", in_rows, 2);
  const Sizes sizes{in_rows.shape[0], weight.shape[1], weight.shape[2]};
  operands.check("input rows", in_rows, {sizes.rows, sizes.in}, f32_or_bf16);
  operands.check("output rows", out_rows, {sizes.rows, sizes.out}, f32_or_bf16);
  operands.check("weight", weight, weight.shape, weight_dtypes);
  operands.check("offsets", offsets, {weight.shape[0] + 1}, {DType::i32});
  operands.offsets(stream, "offsets", offsets, sizes.rows, false);
  return sizes;
}

}  // namespace

void grouped_gemm(Stream& stream, const GroupedGemmArgs& args) {
  const Sizes sizes = check(stream, Operands("grouped_gemm"), args.x, args.y, args.weight, args.offsets, f32_or_bf16);
  if (sizes.rows == 0 || sizes.out == 0) return;
  if (sizes.in == 0) return fill(stream, {.y = args.y, .value = 0});
  backend_of(stream).grouped_gemm(stream, args);
}

void grouped_gemm_input_gradient(Stream& stream, const GroupedGemmInputGradientArgs& args) {
  const Operands operands("grouped_gemm_input_gradient");
  const Sizes sizes = check(stream, operands, args.dx, args.dy, args.weight, args.offsets, f32_or_bf16);
  if (sizes.rows == 0 || sizes.in == 0) return;
  if (sizes.out == 0) return fill(stream, {.y = args.dx, .value = 0});
  backend_of(stream).grouped_gemm_input_gradient(stream, args);
}

void grouped_gemm_weight_gradient(Stream& stream, const GroupedGemmWeightGradientArgs& args) {
  const Operands operands("grouped_gemm_weight_gradient");
  const Sizes sizes = check(stream, operands, args.x, args.dy, args.dweight, args.offsets, {DType::f32});
  if (sizes.rows == 0 || sizes.in == 0 || sizes.out == 0) return;
  backend_of(stream).grouped_gemm_weight_gradient(stream, args);
}

}  // namespace hearth::kernels
