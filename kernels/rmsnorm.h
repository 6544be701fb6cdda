// SPDX-License-Identifier: Apache-2.0
// Root-mean-square norm over the last axis, with the residual addition before it (Zhang & Sennrich 2019). The norm of
// each head (qk-norm) is the same op on [tokens * heads, head_dim].
//
//   s = x + residual                     (s = x without residual); rounded to sum's dtype before it is normed
//   y = s * rstd * weight                rstd = 1 / sqrt(mean(s^2) + epsilon), one a row
//   backward, g = dy * weight:
//   ds      = rstd * (g - s * rstd^2 * mean(g * s)) + d_residual
//   dweight += sum over rows of dy * s * rstd
//
// dtypes: x, residual, sum, y, dy, ds, d_residual all f32 or all bf16; weight f32 or bf16; rstd, dweight f32;
// arithmetic f32 (f64 in ref). dweight is summed in blocks of rows of fixed size: same bits for any number of threads.
// Aliasing: sum and y may be x or residual; ds may be dy or d_residual. Nothing else overlaps.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct RmsnormArgs {
  Tensor x;              // [rows, width]
  Tensor residual = {};  // [rows, width] or none
  Tensor weight = {};    // [width], or none for ones
  Tensor sum = {};       // [rows, width], out: x + residual; wanted if and only if residual is given
  Tensor y;              // [rows, width], out
  Tensor rstd = {};      // [rows] f32, out, or none
  float epsilon = 1e-6f;
};
void rmsnorm(Stream& stream, const RmsnormArgs& args);

struct RmsnormBackwardArgs {
  Tensor dy;               // [rows, width]
  Tensor s;                // [rows, width]: what was normed (sum if there was a residual, else x)
  Tensor weight = {};      // [width] or none
  Tensor rstd;             // [rows] f32
  Tensor d_residual = {};  // [rows, width] or none: the gradient that reaches s past the norm
  Tensor ds;               // [rows, width], out: gradient of s, hence of x and of residual alike
  Tensor dweight = {};     // [width] f32, added to, or none
};
void rmsnorm_backward(Stream& stream, const RmsnormBackwardArgs& args);

}  // namespace hearth::kernels
