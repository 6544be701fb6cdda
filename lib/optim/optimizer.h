// SPDX-License-Identifier: Apache-2.0
// One optimiser for a whole ParameterSet: Muon for matrices (each expert's, gate and up apart), AdamW for embeddings,
// head, norms and routers, or AdamW for everything. Muon's update is scaled by 0.2 * sqrt(max(rows, columns))
// (Moonlight 2025), so that one learning rate serves both.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/device/device.h"
#include "lib/device/memory.h"
#include "lib/nn/parameters.h"
#include "lib/optim/assembly.h"

namespace hearth::optim {

struct OptimizerSettings {
  bool muon = true;           // false: AdamW for all
  double weight_decay = 0.1;  // of matrices and routers; norms, embeddings and head do not decay
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double muon_momentum = 0.95;
  double clip = 1;                  // largest global norm of the gradient; 0: no clipping
  DType muon_compute = DType::f32;  // of the Newton-Schulz iteration
};

// A tensor for the checkpoint: of the state, whose name is "<parameter>.m", ".v" (AdamW) or ".momentum" (Muon), or a
// parameter itself. Of the rows this rank owns, from first_row on; whole is the shape over all ranks.
struct StateTensor {
  std::string name;
  Tensor tensor;  // f32
  std::int64_t first_row = 0;
  Shape whole = {};
};

class Optimizer {
 public:
  // Keeps the state of, and steps, the rows that this rank owns (nn::Parameter::own), by Muon whole matrices of them
  // (nn::ShardSettings); of matrices that tensor ranks hold in parts, those that Assembly gives it. The mesh, if any,
  // must outlive this.
  Optimizer(const nn::ParameterSet& parameters, const OptimizerSettings& settings, const nn::Parallel& parallel = {});

  // The most any rank of a mesh needs.
  static std::size_t plan_bytes(const nn::ModelConfig& config, const OptimizerSettings& settings,
                                const comm::MeshShape& shape = {.data = 1});
  const OptimizerSettings& settings() const { return settings_; }

  // To be called after the parameters were set from outside. Collective.
  void take_masters(Stream& stream, const nn::ParameterSet& parameters);

  // The sum of the squares of the owned gradients (f64, in a fixed order) into squares(), each counted on one rank; not
  // finite if any gradient is not.
  void measure(Stream& stream, const nn::ParameterSet& parameters);
  const Tensor& squares() const { return parts_.total; }  // [1] f64
  // The global norm of the gradients, waited for; of one rank.
  double gradient_norm(Stream& stream, const nn::ParameterSet& parameters);

  // One step with gradients scaled by min(1, clip / gradient_norm); updates masters and weights.
  // learning_rate: of this step, schedule included. Does not zero the gradients.
  void step(Stream& stream, nn::ParameterSet& parameters, double learning_rate, double gradient_norm);
  // The same as kernels::judge_step has decided; steps() is then the caller's to keep. Collective.
  void step(Stream& stream, nn::ParameterSet& parameters, const Tensor& control);

  // All that resuming needs of the state, in a fixed order, and how many steps were taken (AdamW's bias correction).
  const std::vector<StateTensor>& state() const { return state_; }
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }
  // What this rank writes into a checkpoint: over all ranks every row of parameters and state once.
  std::vector<StateTensor> owned_parameters(const nn::ParameterSet& parameters) const;
  std::vector<StateTensor> owned_state() const;

 private:
  // What is kept for some rows of a parameter: m and v, or momentum and none.
  struct Slot {
    std::size_t parameter = 0;
    nn::RowRange rows;   // of the part this rank holds; of the whole where assembled
    int assembled = -1;  // the piece of the assembly it steps, or none
    Tensor first = {}, second = {};
  };
  struct Parts {
    std::vector<Slot> slots;
    std::optional<Assembly> assembly;
    std::vector<Tensor> masters, gradients;  // whole, of the assembly's pieces
    Tensor workspace, total;                 // total [1] f64

    // rows: of each parameter what this rank owns.
    Parts(const std::vector<nn::ParameterSpec>& specs, const std::vector<nn::RowRange>& rows,
          const OptimizerSettings& settings, const nn::Parallel& parallel, Arena& arena);
  };
  struct Size {
    float learning_rate = 0, gradient_scale = 1;
    Tensor control = {};  // instead of the two
  };
  // What a slot steps, and with what.
  struct Operands {
    Tensor master, gradient, copy;
  };
  Operands operands_of(const Slot& slot, const nn::ParameterSet& parameters) const;
  void update(Stream& stream, nn::ParameterSet& parameters, const Size& size);
  void update_slot(Stream& stream, const nn::ParameterSpec& spec, const Slot& slot, const Operands& operands,
                   const Size& size);
  void spread_masters(Stream& stream, nn::ParameterSet& parameters);
  bool is_first_holder(const nn::ParameterSpec& spec) const;

  OptimizerSettings settings_;
  nn::Parallel parallel_;
  Arena memory_;
  std::vector<nn::ParameterSpec> specs_;
  Parts parts_;
  std::vector<StateTensor> state_;
  std::vector<std::size_t> state_of_;  // the parameter of each
  std::int64_t steps_ = 0;
};

}  // namespace hearth::optim
