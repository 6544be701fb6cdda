// SPDX-License-Identifier: Apache-2.0
#include "kernels/norm_rope.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {
namespace {

void check_heads(const Operands& operands, const Tensor& x, const Tensor& weight, const Tensor& cos_sin,
                 const Tensor& rstd) {
  operands.rank("x", x, 3);
  operands.rank("cos_sin", cos_sin, 3);
  operands.check("x", x, x.shape, f32_or_bf16);
  operands.check("weight", weight, {x.shape[2]}, f32_or_bf16);
  operands.check("cos_sin", cos_sin, {x.shape[0], 2, cos_sin.shape[2]}, {DType::f32});
  operands.check("rstd", rstd, {x.shape[0] * x.shape[1]}, {DType::f32});
  operands.require(2 * cos_sin.shape[2] <= x.shape[2],
                   "cos_sin " + cos_sin.shape.text() + " turns more than head_dim of " + x.shape.text());
}

}  // namespace

void norm_rope(Stream& stream, const NormRopeArgs& args) {
  const Operands operands("norm_rope");
  check_heads(operands, args.x, args.weight, args.cos_sin, args.rstd);
  operands.check("y", args.y, args.x.shape, {args.x.dtype});
  if (args.x.n_elements() > 0) backend_of(stream).norm_rope(stream, args);
}

void norm_rope_backward(Stream& stream, const NormRopeBackwardArgs& args) {
  const Operands operands("norm_rope_backward");
  check_heads(operands, args.x, args.weight, args.cos_sin, args.rstd);
  operands.check("dy", args.dy, args.x.shape, {args.x.dtype});
  operands.check("dx", args.dx, args.x.shape, {args.x.dtype});
  operands.check_optional("dweight", args.dweight, {args.x.shape[2]}, {DType::f32});
  if (args.x.n_elements() > 0) backend_of(stream).norm_rope_backward(stream, args);
}

}  // namespace hearth::kernels
