// SPDX-License-Identifier: Apache-2.0
// What the modules share while one microbatch goes through the model, and how they are written: a module first takes
// its memory from the arena, then returns if the pass only measures, then calls kernels. So the memory plan and the run
// are the same code.
#pragma once
#include "lib/device/device.h"
#include "lib/device/memory.h"
#include "lib/nn/batch.h"
#include "lib/nn/parameters.h"

namespace hearth::nn {

struct Pass {
  Arena& arena;
  Stream* stream = nullptr;  // none when the arena measures
  Batch batch;
  std::int64_t tokens = 0;
  std::int64_t hidden = 0;
  DType dtype = DType::f32;
  float epsilon = 1e-6f;
  // Of the router losses: the setting divided by the step's normaliser.
  float balance_coefficient = 0, router_z_coefficient = 0;

  bool measures() const { return arena.measures(); }
  Stream& on() const { return *stream; }
  Tensor activations(std::int64_t width) const { return arena.allocate(dtype, {tokens, width}); }
  Tensor floats(Shape shape) const { return arena.allocate(DType::f32, shape); }
  Tensor indices(Shape shape) const { return arena.allocate(DType::i32, shape); }
};

// The three products of a linear layer; x, y and their gradients [rows, width]. weight may be null in a pass that
// measures.
void linear(const Pass& pass, const Tensor& x, const Parameter* weight, const Tensor& y);
void linear_backward_weight(const Pass& pass, const Tensor& dy, const Tensor& x, const Parameter* weight);
void linear_backward_input(const Pass& pass, const Tensor& dy, const Parameter* weight, const Tensor& dx);
// dx += dy w. In bf16 the product is rounded before it is added, and takes scratch memory for that.
void linear_backward_input_add(const Pass& pass, const Tensor& dy, const Parameter* weight, const Tensor& dx);

// y = rmsnorm(x) with weight, heads of `width` in x.
void norm(const Pass& pass, const Tensor& x, const Parameter* weight, const Tensor& y, const Tensor& rstd);
void norm_backward(const Pass& pass, const Tensor& dy, const Tensor& x, const Parameter* weight, const Tensor& rstd,
                   const Tensor& d_residual, const Tensor& dx);

}  // namespace hearth::nn
