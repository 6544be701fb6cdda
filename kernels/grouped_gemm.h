// SPDX-License-Identifier: Apache-2.0
// Linear layers of the experts: rows are sorted by expert, expert e owns rows [offsets[e], offsets[e + 1]).
//
//   forward  y[r, :]     = weight[e(r)] x[r, :]
//   input    dx[r, :]    = weight[e(r)]^T dy[r, :]
//   weight   dweight[e] += sum over rows r of e: dy[r, :]^T x[r, :]
//
// Rows from offsets[experts] on belong to nobody: they are neither read nor written.
// dtypes, sums, determinism and aliasing as in gemm.h; a row's result does not depend on how many rows its expert has.
// Errors: Error{internal} for shapes that do not fit, or offsets that descend or exceed the rows.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct GroupedGemmArgs {
  Tensor x;        // [rows, in]
  Tensor weight;   // [experts, out, in]
  Tensor offsets;  // [experts + 1] i32, ascending from 0
  Tensor y;        // [rows, out]
};
void grouped_gemm(Stream& stream, const GroupedGemmArgs& args);

struct GroupedGemmInputGradientArgs {
  Tensor dy;       // [rows, out]
  Tensor weight;   // [experts, out, in]
  Tensor offsets;  // [experts + 1] i32
  Tensor dx;       // [rows, in]
};
void grouped_gemm_input_gradient(Stream& stream, const GroupedGemmInputGradientArgs& args);

struct GroupedGemmWeightGradientArgs {
  Tensor dy;       // [rows, out]
  Tensor x;        // [rows, in]
  Tensor offsets;  // [experts + 1] i32
  Tensor dweight;  // [experts, out, in] f32, added to
};
void grouped_gemm_weight_gradient(Stream& stream, const GroupedGemmWeightGradientArgs& args);

}  // namespace hearth::kernels
