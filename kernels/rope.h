// SPDX-License-Identifier: Apache-2.0
// Rotary position embedding, half-split: element i turns with element i + rotary / 2 (Su et al. 2021, in the layout of
// Llama's Hugging Face files). The angles are computed once a batch; every layer that shares a frequency table shares
// the result.
//
//   angle[t, i] = f32(positions[t]) * inverse_frequency[i]        the product rounded to f32, as the models were
//   trained cos_sin[t]  = multiplier * (cos(angle[t, :]), sin(angle[t, :])) y[i]              = x[i] * cos[i] - x[i +
//   rotary/2] * sin[i]   for i < rotary / 2 y[i + rotary/2]   = x[i + rotary/2] * cos[i] + x[i] * sin[i] y[j] = x[j]
//   for j >= rotary backward: the same with -sin (the transpose)
//
// dtypes: x, y both f32 or both bf16; cos_sin f32. y may be x.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct RopeTableArgs {
  Tensor positions;          // [tokens] i32
  Tensor inverse_frequency;  // [rotary / 2] f32
  float multiplier = 1;
  Tensor cos_sin;  // [tokens, 2, rotary / 2] f32, out
};
void rope_table(Stream& stream, const RopeTableArgs& args);

struct RopeArgs {
  Tensor x;               // [tokens, heads, head_dim]
  Tensor cos_sin;         // [tokens, 2, rotary / 2] f32, rotary <= head_dim
  Tensor y;               // [tokens, heads, head_dim], out
  bool backward = false;  // x is the gradient of the output, y that of the input
};
void rope(Stream& stream, const RopeArgs& args);

}  // namespace hearth::kernels
