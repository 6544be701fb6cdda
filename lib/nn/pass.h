// SPDX-License-Identifier: Apache-2.0
// What the modules share while one microbatch goes through the model, and how they are written: a module first takes
// its memory from the arena, then returns if the pass only measures, then calls kernels. So the memory plan and the run
// are the same code.
#pragma once
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "lib/device/device.h"
#include "lib/device/memory.h"
#include "lib/nn/batch.h"
#include "lib/nn/parameters.h"

namespace hearth::nn {

// What the host wants to know of a pass's tensors. On the host it is read at once, while the tensor is what it is; on a
// device a copy is taken in the stream's order and read at the end, so that nothing waits inside the pass.
class Readings {
 public:
  using Use = std::function<void(std::span<const Tensor>)>;

  explicit Readings(Staging& staging) : staging_(staging) {}
  // use gets the tensors' contents on the host, at the latest in finish().
  void read(Stream& stream, std::vector<Tensor> tensors, Use use);
  // Forgets what a pass that failed has left.
  void restart(Stream& stream);
  // Waits for the stream, and hands out what is left.
  void finish(Stream& stream);

 private:
  Staging& staging_;
  std::vector<std::pair<std::vector<Tensor>, Use>> pending_;
};

struct Pass {
  Arena& arena;
  Staging& staging;
  Readings& readings;
  Stream* stream = nullptr;  // none when the arena measures
  Batch batch;       // where the kernels reach it
  Batch host_batch;  // as it was given
  std::int64_t tokens = 0;
  std::int64_t hidden = 0;
  DType dtype = DType::f32;
  float epsilon = 1e-6f;
  // Of the router losses: the setting divided by the step's normaliser.
  float balance_coefficient = 0, router_z_coefficient = 0;

  bool on_host() const { return staging.device().is_host(); }
  // The tensor where the kernels reach it; takes memory on a device, also when measuring.
  Tensor upload(const Tensor& host) const { return staging.upload(stream, host, arena); }
  // Memory for a result that the host wants in `host`: that itself on the host. deliver() copies it there and waits.
  Tensor result_for(const Tensor& host) const { return on_host() ? host : arena.allocate(host.dtype, host.shape); }
  void deliver(const Tensor& result, const Tensor& host) const {
    stream->copy(result, host);
    stream->wait();
  }
  void read(std::vector<Tensor> tensors, Readings::Use use) const {
    readings.read(*stream, std::move(tensors), std::move(use));
  }
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
