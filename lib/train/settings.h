// SPDX-License-Identifier: Apache-2.0
// Everything that decides what a training run computes, resolved to numbers; stored in each checkpoint.
#pragma once
#include <cstdint>

#include "lib/base/dtype.h"
#include "lib/base/json.h"
#include "lib/nn/sharding.h"
#include "lib/optim/optimizer.h"
#include "lib/optim/schedule.h"

namespace hearth::train {

// Changing any of these changes the bits a run computes: a resumed run takes them from its checkpoint.
struct TrainSettings {
  std::uint64_t seed = 1;
  DType dtype = DType::f32;            // of weights in the kernels and of activations; masters are f32
  std::int64_t context = 512;          // tokens of a row
  std::int64_t batch_rows = 8;         // rows of a step, over all microbatches
  std::int64_t microbatch_rows = 1;    // rows of one forward and backward
  std::uint64_t activation_bytes = 0;  // budget of what the backward pass keeps; 0: all
  double expert_headroom = 2;          // room for rows of experts that are spread over ranks, in means
  double learning_rate = 1e-3;         // peak
  optim::Schedule schedule;            // total_steps is the run's length
  optim::OptimizerSettings optimizer;
  double z_loss = 1e-5;
  double balance_gamma = 1e-3;          // step of the selection bias (mixtures)
  double balance_coefficient = 1e-4;    // sequence balance loss (mixtures)
  std::uint64_t eval_tokens = 1 << 18;  // of the held-out text, at most

  std::int64_t n_steps() const { return schedule.total_steps; }
  std::int64_t batch_tokens() const { return batch_rows * context; }
  std::int64_t microbatch_tokens() const { return microbatch_rows * context; }
};

Json to_json(const TrainSettings& settings);
TrainSettings settings_from_json(const Json& json, std::string_view where);  // Error{data}

// What may differ from one start of a run to the next.
struct RunSettings {
  std::int64_t eval_every = 250;        // steps; 0: only at start and end
  std::int64_t checkpoint_every = 500;  // steps; 0: only at the end
  std::int64_t keep = 2;                // newest checkpoints kept
  std::int64_t keep_every = 0;          // those of steps divisible by it are kept for good; 0: none
  std::int64_t compare_every = 500;     // steps between comparisons of the replicas' weights; 0: never
  double max_hours = 0;                 // 0: no limit
  std::int64_t stop_at = 0;             // measure, save and stop after this step; 0: go on to the last
  bool graphs = true;                   // on a GPU: record what repeats (same bits either way)
  nn::Shard shard = nn::Shard::optimizer;  // among data ranks
  bool check_kernels = false;           // compare with the reference kernels at every evaluation
};

}  // namespace hearth::train
