// SPDX-License-Identifier: Apache-2.0
#include "kernels/glu.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {

void glu(Stream& stream, const GluArgs& args) {
  const Operands operands("glu");
  operands.rank("y", args.y, 2);
  const std::int64_t rows = args.y.shape[0], ffn = args.y.shape[1];
  operands.check("y", args.y, {rows, ffn}, f32_or_bf16);
  operands.check("x", args.x, {rows, 2 * ffn}, {args.y.dtype});
  operands.check_optional("row_weight", args.row_weight, {rows}, {DType::f32});
  if (args.y.n_elements() == 0) return;
  backend_of(stream).glu(stream, args);
}

void glu_backward(Stream& stream, const GluBackwardArgs& args) {
  const Operands operands("glu_backward");
  operands.rank("dy", args.dy, 2);
  const std::int64_t rows = args.dy.shape[0], ffn = args.dy.shape[1];
  operands.check("dy", args.dy, {rows, ffn}, f32_or_bf16);
  operands.check("x", args.x, {rows, 2 * ffn}, {args.dy.dtype});
  operands.check("dx", args.dx, {rows, 2 * ffn}, {args.dy.dtype});
  operands.check_optional("row_weight", args.row_weight, {rows}, {DType::f32});
  operands.check_optional("d_row_weight", args.d_row_weight, {rows}, {DType::f32});
  operands.check_optional("y", args.y, {rows, ffn}, {args.dy.dtype});
  if (args.dy.n_elements() == 0) return;
  operands.require(bool(args.row_weight) == bool(args.d_row_weight), "row_weight and d_row_weight go together");
  backend_of(stream).glu_backward(stream, args);
}

}  // namespace hearth::kernels
