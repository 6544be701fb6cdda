// SPDX-License-Identifier: Apache-2.0
// The norm of each head and its rotation in one pass over queries or keys (qk-norm, then rope): kernels/rmsnorm.h on
// rows of head_dim, then kernels/rope.h.
//
//   n = x * rstd * weight, rstd = 1 / sqrt(mean(x^2) + epsilon) of each head;  y = rope(n)
//   backward: dn = rope transposed (dy);  g = dn * weight;  dx = rstd * (g - x * rstd^2 * mean(g * x))
//   dweight += sum over tokens and heads of dn * x * rstd
//
// dtypes: x, y, dy, dx all f32 or all bf16; weight f32 or bf16; the rest f32. Whether n and dn are rounded to x's dtype
// is unspecified (the host rounds, CUDA does not). Determinism as in rmsnorm.h.
// Aliasing: y may be x where no backward follows; dx may be dy.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct NormRopeArgs {
  Tensor x;        // [tokens, heads, head_dim]
  Tensor weight;   // [head_dim]
  Tensor cos_sin;  // [tokens, 2, rotary / 2] f32, rotary <= head_dim
  Tensor y;        // [tokens, heads, head_dim], out
  Tensor rstd;     // [tokens * heads] f32, out
  float epsilon = 1e-6f;
};
void norm_rope(Stream& stream, const NormRopeArgs& args);

struct NormRopeBackwardArgs {
  Tensor dy;            // [tokens, heads, head_dim]
  Tensor x;             // as in the forward
  Tensor weight;        // [head_dim]
  Tensor rstd;          // [tokens * heads] f32
  Tensor cos_sin;       // [tokens, 2, rotary / 2] f32
  Tensor dx;            // [tokens, heads, head_dim], out
  Tensor dweight = {};  // [head_dim] f32, added to, or none
};
void norm_rope_backward(Stream& stream, const NormRopeBackwardArgs& args);

}  // namespace hearth::kernels
