// SPDX-License-Identifier: Apache-2.0
#include "kernels/adamw.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {

void adamw(Stream& stream, const AdamwArgs& args) {
  const Operands operands("adamw");
  const Shape shape = args.parameter.shape;
  operands.check("parameter", args.parameter, shape, {DType::f32});
  operands.check("gradient", args.gradient, shape, {DType::f32});
  operands.check("m", args.m, shape, {DType::f32});
  operands.check("v", args.v, shape, {DType::f32});
  operands.check_optional("copy", args.copy, shape, {DType::bf16});
  operands.require(args.step >= 1, "step counts from 1");
  if (shape.n_elements() == 0) return;
  backend_of(stream).adamw(stream, args);
}

}  // namespace hearth::kernels
