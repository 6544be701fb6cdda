// SPDX-License-Identifier: Apache-2.0
// Gated linear unit of the feed-forward layers (Shazeer 2020, SwiGLU), with an optional weight for each row: scaling
// here instead of after the down projection gives the same sum over experts and lets the layer forget its output
// (SonicMoE 2025).
//
//   x = (gate, up);  a = gate * sigmoid(gate) * up;  y = row_weight * a
//   backward: da = row_weight * dy
//     dgate = da * up * sigmoid(gate) * (1 + gate * (1 - sigmoid(gate)));  dup = da * gate * sigmoid(gate)
//     d_row_weight = sum over ffn of dy * a
//
// dtypes: x, y, dy, dx all f32 or all bf16; row_weight, d_row_weight f32. dx may be x.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct GluArgs {
  Tensor x;                // [rows, 2 * ffn]: gate, then up
  Tensor row_weight = {};  // [rows] f32 or none
  Tensor y;                // [rows, ffn], out
};
void glu(Stream& stream, const GluArgs& args);

struct GluBackwardArgs {
  Tensor dy;                 // [rows, ffn]
  Tensor x;                  // [rows, 2 * ffn]
  Tensor row_weight = {};    // [rows] f32 or none
  Tensor dx;                 // [rows, 2 * ffn], out
  Tensor d_row_weight = {};  // [rows] f32, out; none if and only if row_weight is none
  Tensor y = {};             // [rows, ffn], out, or none: the forward's y again, so that it need not be kept
};
void glu_backward(Stream& stream, const GluBackwardArgs& args);

}  // namespace hearth::kernels
