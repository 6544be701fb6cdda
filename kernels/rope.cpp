// SPDX-License-Identifier: Apache-2.0
#include "kernels/rope.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {

void rope_table(Stream& stream, const RopeTableArgs& args) {
  const Operands operands("rope_table");
  operands.rank("positions", args.positions, 1);
  operands.rank("inverse_frequency", args.inverse_frequency, 1);
  const std::int64_t tokens = args.positions.shape[0], half = args.inverse_frequency.shape[0];
  operands.check("positions", args.positions, {tokens}, {DType::i32});
  operands.check("inverse_frequency", args.inverse_frequency, {half}, {DType::f32});
  operands.check("cos_sin", args.cos_sin, {tokens, 2, half}, {DType::f32});
  if (tokens == 0 || half == 0) return;
  backend_of(stream).rope_table(stream, args);
}

void rope(Stream& stream, const RopeArgs& args) {
  const Operands operands("rope");
  operands.rank("x", args.x, 3);
  operands.rank("cos_sin", args.cos_sin, 3);
  operands.check("x", args.x, args.x.shape, f32_or_bf16);
  operands.check("y", args.y, args.x.shape, {args.x.dtype});
  operands.check("cos_sin", args.cos_sin, {args.x.shape[0], 2, args.cos_sin.shape[2]}, {DType::f32});
  operands.require(2 * args.cos_sin.shape[2] <= args.x.shape[2],
                   "cos_sin " + args.cos_sin.shape.text() + " turns more than head_dim of " + args.x.shape.text());
  if (args.x.n_elements() == 0) return;
  backend_of(stream).rope(stream, args);
}

}  // namespace hearth::kernels
