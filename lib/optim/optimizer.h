// SPDX-License-Identifier: Apache-2.0
// One optimiser for a whole ParameterSet: Muon for matrices (each expert's, gate and up apart), AdamW for embeddings,
// head, norms and routers, or AdamW for everything. Muon's update is scaled by 0.2 * sqrt(max(rows, columns))
// (Moonlight 2025), so that one learning rate serves both.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lib/device/device.h"
#include "lib/device/memory.h"
#include "lib/nn/parameters.h"
#include "lib/optim/sharding.h"

namespace hearth::optim {

struct OptimizerSettings {
  bool muon = true;           // false: AdamW for all
  double weight_decay = 0.1;  // of matrices and routers; norms, embeddings and head do not decay
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double muon_momentum = 0.95;
  double clip = 1;                  // largest global norm of the gradient; 0: no clipping
  DType muon_compute = DType::f32;  // of the Newton-Schulz iteration
};

// A tensor of the state, for the checkpoint: name is "<parameter>.m", ".v" (AdamW) or ".momentum" (Muon).
// Of the rows this rank owns, from first_row on; whole is the shape over all ranks.
struct StateTensor {
  std::string name;
  Tensor tensor;  // f32
  std::int64_t first_row = 0;
  Shape whole = {};
};

class Optimizer {
 public:
  // What is kept for one parameter's owned rows: m and v, or momentum and none.
  struct Slot {
    RowRange rows;
    Tensor first, second;
  };

  // Keeps the state of, and steps, the rows that Sharding gives this rank of so many.
  Optimizer(const nn::ParameterSet& parameters, const OptimizerSettings& settings, int rank = 0, int n_ranks = 1);

  // The most any rank needs.
  static std::size_t plan_bytes(const nn::ModelConfig& config, const OptimizerSettings& settings, int n_ranks = 1);
  const OptimizerSettings& settings() const { return settings_; }
  const Sharding& sharding() const { return sharding_; }
  RowRange rows(std::size_t parameter) const { return slots_[parameter].rows; }

  // The sum of the squares of the owned rows' gradients (f64, in a fixed order) into squares(); not finite if any
  // gradient is not.
  void measure(Stream& stream, const nn::ParameterSet& parameters);
  const Tensor& squares() const { return total_; }  // [1] f64
  // The global norm of the gradients, waited for.
  double gradient_norm(Stream& stream, const nn::ParameterSet& parameters);

  // One step with gradients scaled by min(1, clip / gradient_norm); updates masters and weights.
  // learning_rate: of this step, schedule included. Does not zero the gradients.
  void step(Stream& stream, nn::ParameterSet& parameters, double learning_rate, double gradient_norm);
  // The same as kernels::judge_step has decided; steps() is then the caller's to keep.
  void step(Stream& stream, nn::ParameterSet& parameters, const Tensor& control);

  // All that resuming needs, in a fixed order, and how many steps were taken (AdamW's bias correction).
  const std::vector<StateTensor>& state() const { return state_; }
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  struct Size {
    float learning_rate = 0, gradient_scale = 1;
    Tensor control = {};  // instead of the two
  };
  void update(Stream& stream, nn::ParameterSet& parameters, const Size& size);

  OptimizerSettings settings_;
  Sharding sharding_;
  Arena memory_;
  std::vector<Slot> slots_;  // by parameter
  std::vector<StateTensor> state_;
  Tensor workspace_, total_;  // total_ [1] f64
  std::int64_t steps_ = 0;
};

}  // namespace hearth::optim
