// SPDX-License-Identifier: Apache-2.0
#include "kernels/rmsnorm.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {

void rmsnorm(Stream& stream, const RmsnormArgs& args) {
  const Operands operands("rmsnorm");
  operands.rank("x", args.x, 2);
  const Shape shape = args.x.shape;
  operands.check("x", args.x, shape, f32_or_bf16);
  operands.check_optional("residual", args.residual, shape, {args.x.dtype});
  operands.check_optional("sum", args.sum, shape, {args.x.dtype});
  operands.check_optional("weight", args.weight, {shape[1]}, f32_or_bf16);
  operands.check("y", args.y, shape, {args.x.dtype});
  operands.check_optional("rstd", args.rstd, {shape[0]}, {DType::f32});
  operands.require(shape.n_elements() == 0 || bool(args.residual) == bool(args.sum), "residual and sum go together");
  if (shape.n_elements() == 0) return;
  backend_of(stream).rmsnorm(stream, args);
}

void rmsnorm_backward(Stream& stream, const RmsnormBackwardArgs& args) {
  const Operands operands("rmsnorm_backward");
  operands.rank("s", args.s, 2);
  const Shape shape = args.s.shape;
  operands.check("s", args.s, shape, f32_or_bf16);
  operands.check("dy", args.dy, shape, {args.s.dtype});
  operands.check_optional("weight", args.weight, {shape[1]}, f32_or_bf16);
  operands.check("rstd", args.rstd, {shape[0]}, {DType::f32});
  operands.check_optional("d_residual", args.d_residual, shape, {args.s.dtype});
  operands.check("ds", args.ds, shape, {args.s.dtype});
  operands.check_optional("dweight", args.dweight, {shape[1]}, {DType::f32});
  if (shape.n_elements() == 0) return;
  backend_of(stream).rmsnorm_backward(stream, args);
}

}  // namespace hearth::kernels
