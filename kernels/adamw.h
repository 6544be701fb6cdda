// SPDX-License-Identifier: Apache-2.0
// AdamW (Kingma & Ba 2015; Loshchilov & Hutter 2019: decoupled decay), one step over any number of elements.
//
//   g = gradient_scale * gradient
//   m = beta1 m + (1 - beta1) g;   v = beta2 v + (1 - beta2) g^2
//   p = p - learning_rate * (m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + epsilon) + weight_decay p)
//   copy = round to bf16 (p)
//
// dtypes: all f32 but copy; every tensor has as many elements. Elementwise: same bits for any number of threads.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct AdamwArgs {
  Tensor parameter;  // f32, updated
  Tensor gradient;   // f32
  Tensor m, v;       // f32, updated; zeros before the first step
  Tensor copy = {};  // bf16, out, or none
  float learning_rate = 0;
  float beta1 = 0.9f, beta2 = 0.95f, epsilon = 1e-8f;
  float weight_decay = 0;
  float gradient_scale = 1;  // clipping and loss scale
  std::int64_t step = 1;     // counts from 1
  // judge_step's (step.h), instead of gradient_scale, learning_rate and step; nothing happens where it says so.
  Tensor control = {};
};
void adamw(Stream& stream, const AdamwArgs& args);

}  // namespace hearth::kernels
