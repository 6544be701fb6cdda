// SPDX-License-Identifier: Apache-2.0
// Muon: momentum, then the nearest half-orthogonal matrix by Newton-Schulz (Jordan et al. 2024), for one matrix or a
// batch of them, each on its own.
//
//   buffer = momentum * buffer + gradient_scale * gradient
//   u      = nesterov ? gradient_scale * gradient + momentum * buffer : buffer
//   x      = u / (||u||_F + 1e-7), transposed if rows > columns; five times: a = x x^T; x = 3.4445 x + (-4.7750 a
//   + 2.0315 a a) x parameter = parameter - learning_rate * (update_scale * x + weight_decay * parameter) copy   =
//   round to bf16 (parameter)
// update_scale makes the step comparable with AdamW's: 0.2 * sqrt(max(rows, columns)) (Moonlight 2025).
//
// dtypes: f32 but copy; the iteration in compute (f32 or bf16). A matrix of zeros stays. Same bits for any number of
// threads. Errors: Error{internal} for shapes that do not fit.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct MuonArgs {
  Tensor parameter;       // [rows, columns] or [batch, rows, columns] f32, updated
  Tensor gradient;        // like parameter
  Tensor buffer;          // like parameter, updated; zeros before the first step
  Tensor copy = {};       // like parameter, bf16, out, or none
  Tensor workspace = {};  // [at least muon_workspace_bytes(parameter.shape)] u8
  float learning_rate = 0;
  float momentum = 0.95f;
  bool nesterov = true;
  float weight_decay = 0;
  float update_scale = 1;
  float gradient_scale = 1;
  DType compute = DType::bf16;
  // judge_step's (step.h), instead of gradient_scale and learning_rate; nothing happens where it says so.
  Tensor control = {};
};
void muon(Stream& stream, const MuonArgs& args);

std::int64_t muon_workspace_bytes(const Shape& parameter);

}  // namespace hearth::kernels
