// SPDX-License-Identifier: Apache-2.0
// Dense matrix product.
//
//   y[m, n] = alpha * sum_k op(a)[m, k] op(b)[k, n]  (+ y[m, n] with accumulate)
//
// The three products of a linear layer y = x w^T, w [out, in]:
//   forward    y  [tokens, out] = x w^T       {.a = x,  .b = w, .y = y,  .transpose_b = true}
//   input      dx [tokens, in]  = dy w        {.a = dy, .b = w, .y = dx}
//   weight     dw [out, in]    += dy^T x      {.a = dy, .b = x, .y = dw, .transpose_a = true, .accumulate = true}
//
// dtypes: a, b f32 or bf16, each its own (a bf16 operand beside an f32 one is widened exactly); sums in f32 (f64 in
// ref); y f32 or bf16, rounded once,
// with accumulate after the addition.
// Determinism: same bits for any number of threads; without transpose_a a row of y depends on that row of op(a), on b
// and on k, not on m (measured by tests/kernels and by `hearth doctor`).
// Aliasing: y overlaps neither a nor b. Errors: Error{internal} for shapes that do not fit. k = 0 gives zeros (or y).
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct GemmArgs {
  Tensor a;  // [m, k], or [k, m] with transpose_a
  Tensor b;  // [k, n], or [n, k] with transpose_b
  Tensor y;  // [m, n]
  bool transpose_a = false;
  bool transpose_b = false;
  float alpha = 1;
  bool accumulate = false;
};
void gemm(Stream& stream, const GemmArgs& args);

// Whether this CPU multiplies bf16 itself; if not, bf16 products are computed in f32 after widening (and cost as much).
bool bf16_is_native();

}  // namespace hearth::kernels
