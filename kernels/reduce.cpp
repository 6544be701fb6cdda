// SPDX-License-Identifier: Apache-2.0
#include "kernels/reduce.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {

void sum_of_squares(Stream& stream, const SumOfSquaresArgs& args) {
  const Operands operands("sum_of_squares");
  operands.check("x", args.x, args.x.shape, f32_or_bf16);
  operands.check("total", args.total, {1}, {DType::f64});
  if (args.x.n_elements() > 0) backend_of(stream).sum_of_squares(stream, args);
}

void sum(Stream& stream, const SumArgs& args) {
  const Operands operands("sum");
  operands.check("x", args.x, args.x.shape, f32_or_bf16);
  operands.check_optional("weight", args.weight, args.x.shape, {DType::f32});
  operands.check("total", args.total, {1}, {DType::f64});
  if (args.x.n_elements() > 0) backend_of(stream).sum(stream, args);
}

void sum_rows(Stream& stream, const SumRowsArgs& args) {
  const Operands operands("sum_rows");
  operands.rank("x", args.x, 2);
  operands.check("x", args.x, args.x.shape, f32_or_bf16);
  operands.check("total", args.total, {args.x.shape[1]}, {DType::f32});
  if (args.x.n_elements() > 0) backend_of(stream).sum_rows(stream, args);
}

}  // namespace hearth::kernels
