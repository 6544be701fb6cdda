// SPDX-License-Identifier: Apache-2.0
// What the modules share while one microbatch goes through the model, and how they are written: a module first takes
// its memory from the arena, then returns if the pass only measures, then calls kernels. So the memory plan and the run
// are the same code.
#pragma once
#include <array>
#include <vector>

#include "lib/device/device.h"
#include "lib/device/memory.h"
#include "lib/nn/batch.h"
#include "lib/nn/parallel.h"
#include "lib/nn/parameters.h"

namespace hearth::nn {

// Numbers that differ from step to step, where the kernels reach them: a recorded pass finds the new ones there.
struct Scalars {
  Tensor normaliser;    // [1] f64, the objective's
  Tensor token_factor;  // [1] f32, 1 / normaliser
  Tensor router;        // [2] f32, coefficients of the router losses, each divided by the normaliser
};

// What the passes of a step add up to, where the kernels reach it. All of it lies in one piece of memory.
struct Ledger {
  Tensor all;                  // [bytes] u8
  Tensor head;                 // [4] f64, as kernels::token_totals leaves them
  Tensor balance, router_z;    // [1] f64 each
  std::vector<Tensor> counts;  // by layer: [experts] i64, none where there are no experts
  Tensor rounds;               // [1] i64: the most that rows of spread experts took in a pass of a layer

  // In memory from arena, which may measure.
  static Ledger allocate(const ModelConfig& config, Arena& arena);
  // The same numbers in a copy of all on the host.
  Ledger in(const Tensor& copy) const;
};

struct Pass {
  Arena& arena;
  Staging& staging;
  const Parallel& parallel;
  const Ledger* ledger = nullptr;  // none in a pass without gradients
  class Units* units = nullptr;    // none when the arena measures
  Stream* stream = nullptr;        // none when the arena measures
  Batch batch;       // where the kernels reach it
  Batch host_batch;  // as it was given
  std::int64_t tokens = 0;                         // of the batch this rank's, all of them but among context ranks
  std::int64_t batch_tokens = 0;                   // of all context ranks together
  bool ring = false;                               // of context ranks: how attention goes over all tokens
  std::array<comm::Piece, 2> runs = {};            // of the batch this rank's, as lib/nn/context_runs.h has them
  comm::Piece own;  // the tokens of the residual stream that this rank keeps: all, or a run of them among tensor ranks
  std::int64_t most_tokens = 0;  // that this or any other rank may bring
  double expert_headroom = 2;    // room for rows of spread experts, in means
  std::int64_t hidden = 0;
  DType dtype = DType::f32;
  float epsilon = 1e-6f;
  Scalars scalars = {};
  Tensor received = {};           // [own tokens, hidden] of the stage before: what it made of the batch
  float balance_coefficient = 0;  // the setting: 0 if sequences need not be balanced

  bool on_host() const { return staging.device().is_host(); }
  // The tensor where the kernels reach it; takes memory on a device, also when measuring.
  Tensor upload(const Tensor& host) const { return staging.upload(stream, host, arena); }
  // Memory for a result that the host wants in `host`: that itself on the host. deliver() copies it there and waits.
  Tensor result_for(const Tensor& host) const { return on_host() ? host : arena.allocate(host.dtype, host.shape); }
  void deliver(const Tensor& result, const Tensor& host) const {
    stream->copy(result, host);
    stream->wait();
  }
  bool measures() const { return arena.measures(); }
  Stream& on() const { return *stream; }
  Tensor activations(std::int64_t width) const { return arena.allocate(dtype, {tokens, width}); }
  Tensor stream_activations() const { return arena.allocate(dtype, {own.count, hidden}); }
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
