// SPDX-License-Identifier: Apache-2.0
// Linear layers of the experts: rows are sorted by expert, expert e owns rows [offsets[e], offsets[e + 1]). An input
// may be taken through a gather, so that nobody writes it out in that order: row r is then x[gather[r]].
//
//   forward  y[r, :]     = weight[e(r)] x[r, :]
//            with `activated`, y's row is (gate, up) and activated[r] = row_weight[r] * gate * sigmoid(gate) * up, of y
//            as it is stored (kernels/glu.h)
//   input    dx[r, :]    = weight[e(r)]^T dy[r, :]
//            with `gate_up`, dx is the gradient of `activated` and goes on through it: d_gate_up, d_row_weight and
//            activated again, as glu_backward gives them; dx itself is not written
//   weight   dweight[e] += sum over rows r of e: dy[r, :]^T x[r, :]
//
// With these a mixture's layer keeps its input, gate_up and the routing, and nothing else (SonicMoE 2025).
// Rows from offsets[experts] on belong to nobody: they are neither read nor written, nor is their gather looked at.
// Offsets and gathers may lie on a device, where nobody looks at them but the kernels.
// dtypes, sums, determinism and aliasing as in gemm.h; a row's result does not depend on how many rows its expert has.
// With a glu all activations have one dtype; whether dx is rounded before it goes on is unspecified.
// Errors: Error{internal} for shapes that do not fit, offsets that descend or exceed the rows, a gather out of range.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct GroupedGemmArgs {
  Tensor x;                // [rows, in], or with gather [tokens, in]
  Tensor gather = {};      // [rows] i32 or none
  Tensor weight;           // [experts, out, in]
  Tensor offsets;          // [experts + 1] i32, ascending from 0
  Tensor y;                // [rows, out]
  Tensor row_weight = {};  // [rows] f32 or none; with activated
  Tensor activated = {};   // [rows, out / 2], out, or none
};
void grouped_gemm(Stream& stream, const GroupedGemmArgs& args);

struct GroupedGemmInputGradientArgs {
  Tensor dy;                 // [rows, out], or with gather [tokens, out]
  Tensor gather = {};        // [rows] i32 or none
  Tensor weight;             // [experts, out, in]
  Tensor offsets;            // [experts + 1] i32
  Tensor dx = {};            // [rows, in]; none if and only if there is gate_up
  Tensor gate_up = {};       // [rows, 2 * in] or none
  Tensor row_weight = {};    // [rows] f32 or none; with gate_up
  Tensor d_gate_up = {};     // [rows, 2 * in], out; may be gate_up
  Tensor d_row_weight = {};  // [rows] f32, out; none if and only if row_weight is none
  Tensor activated = {};     // [rows, in], out, or none
};
void grouped_gemm_input_gradient(Stream& stream, const GroupedGemmInputGradientArgs& args);

struct GroupedGemmWeightGradientArgs {
  Tensor dy;              // [rows, out], or with gather_dy [tokens, out]
  Tensor gather_dy = {};  // [rows] i32 or none
  Tensor x;               // [rows, in], or with gather_x [tokens, in]
  Tensor gather_x = {};   // [rows] i32 or none
  Tensor offsets;         // [experts + 1] i32
  Tensor dweight;         // [experts, out, in] f32, added to
};
void grouped_gemm_weight_gradient(Stream& stream, const GroupedGemmWeightGradientArgs& args);

}  // namespace hearth::kernels
