// SPDX-License-Identifier: Apache-2.0
#include "kernels/elementwise.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {

void add(Stream& stream, const AddArgs& args) {
  const Operands operands("add");
  operands.check("a", args.a, args.y.shape, f32_or_bf16);
  operands.check("b", args.b, args.y.shape, f32_or_bf16);
  operands.check("y", args.y, args.y.shape, f32_or_bf16);
  if (args.y.n_elements() > 0) backend_of(stream).add(stream, args);
}

void cast(Stream& stream, const CastArgs& args) {
  const Operands operands("cast");
  operands.check("x", args.x, args.y.shape, f32_or_bf16);
  operands.check("y", args.y, args.y.shape, f32_or_bf16);
  if (args.y.n_elements() > 0) backend_of(stream).cast(stream, args);
}

void fill(Stream& stream, const FillArgs& args) {
  Operands("fill").check("y", args.y, args.y.shape, f32_or_bf16);
  if (args.y.n_elements() > 0) backend_of(stream).fill(stream, args);
}

void scale(Stream& stream, const ScaleArgs& args) {
  const Operands operands("scale");
  operands.check("x", args.x, args.y.shape, f32_or_bf16);
  operands.check("y", args.y, args.y.shape, f32_or_bf16);
  operands.check_optional("factor_tensor", args.factor_tensor, {1}, {DType::f32});
  if (args.y.n_elements() == 0) return;
  ScaleArgs now = args;
  if (args.factor_tensor && stream.is_host()) now.factor = *args.factor_tensor.as<float>();
  backend_of(stream).scale(stream, now);
}

void add_bias(Stream& stream, const AddBiasArgs& args) {
  const Operands operands("add_bias");
  operands.rank("y", args.y, 2);
  operands.check("y", args.y, args.y.shape, f32_or_bf16);
  operands.check("bias", args.bias, {args.y.shape[1]}, f32_or_bf16);
  if (args.y.n_elements() > 0) backend_of(stream).add_bias(stream, args);
}

}  // namespace hearth::kernels
