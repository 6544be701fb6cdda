// SPDX-License-Identifier: Apache-2.0
// The model: forward and backward by hand over kernels/*.h, for any ModelConfig. One call handles one microbatch.
//
// Residual stream and activations have the parameters' dtype; router logits, norm statistics, softmax, losses and all
// weight gradients are f32 (a bf16 stream costs half the memory traffic, which bounds everything but the GEMMs on a
// CPU; what it loses is checked against f32 in tests/lib/nn).
// Nothing is allocated after construction but what Arena plans: plan_memory runs the same code without kernels. Batches,
// results and logits are of the host, wherever the model is.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/device/device.h"
#include "lib/device/memory.h"
#include "lib/nn/batch.h"
#include "lib/nn/config.h"
#include "lib/nn/objective.h"
#include "lib/nn/parameters.h"
#include "lib/nn/pass.h"

namespace hearth::nn {

struct ModelSettings {
  Purpose purpose = Purpose::train;
  Device device = {};                  // where its memory lies; every Stream it is given must be of that device
  std::int64_t max_tokens = 0;         // of a microbatch
  std::size_t activation_bytes = 0;    // budget of what the backward pass keeps; 0: keep everything. Blocks are
                                       // recomputed, first ones first, until it fits (Error{config} when none does)
  float balance_coefficient = 1e-4f;   // DeepSeek-V3's sequence balance, per token of the step (mixtures)
  float router_z_coefficient = 0;      // ST-MoE's router z-loss, per token of the step
};

// Bytes the model will hold, by kind; what --dry-run prints. The optimiser's are in lib/optim.
struct MemoryPlan {
  std::size_t weights = 0, masters = 0, gradients = 0;
  std::size_t activations = 0;      // peak, everything a microbatch needs
  std::int64_t recomputed_blocks = 0;
  std::size_t total() const { return weights + masters + gradients + activations; }
};
MemoryPlan plan_memory(const ModelConfig& config, DType dtype, const ModelSettings& settings);

// What one microbatch gave.
struct StepResult {
  double loss = 0;             // of the objective: its share of the step's loss
  double balance_loss = 0;     // of the routers, weighted and normalised, summed over layers; not in loss
  double router_z_loss = 0;
  double weighted_tokens = 0;  // sum of token_weight
  double negative_log_prob = 0;  // sum of token_weight * -log_prob (nats), for bits per byte
};

// Tokens each expert of each layer received; dense layers have an empty row. Added up over microbatches until reset.
using ExpertCounts = std::vector<std::vector<std::int64_t>>;

class Network;  // the modules (lib/nn/network.h)

class Model {
 public:
  // Throws Error{config} when config or settings are impossible.
  Model(const ModelConfig& config, DType dtype, const ModelSettings& settings);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ModelConfig& config() const { return config_; }
  const ModelSettings& settings() const { return settings_; }
  const MemoryPlan& plan() const { return plan_; }
  ParameterSet& parameters() { return parameters_; }
  const ParameterSet& parameters() const { return parameters_; }
  std::size_t activation_peak_bytes() const { return arena_.peak_bytes(); }  // so far; never above the plan's

  // Forward and backward of one microbatch; gradients are added to (zero them before a step's first).
  // Same bits whatever is recomputed, for any number of threads.
  StepResult forward_backward(Stream& stream, const Batch& batch, const Objective& objective);

  // log_prob [tokens] f32: of each target (0 without one). No gradient, no expert counts.
  void log_probs(Stream& stream, const Batch& batch, Tensor log_prob);

  // logits [rows.size(), vocab] f32 of some tokens of the batch (targets are not looked at).
  void logits(Stream& stream, const Batch& batch, const std::vector<std::int64_t>& rows, Tensor logits);

  const ExpertCounts& expert_counts() const { return counts_; }
  void reset_expert_counts();

 private:
  Pass pass_over(Stream& stream, const Batch& batch);
  void check_ids(const Batch& batch) const;

  ModelConfig config_;
  ModelSettings settings_;
  MemoryPlan plan_;
  ParameterSet parameters_;
  std::unique_ptr<Network> network_;
  Arena arena_;
  Staging staging_;
  Readings readings_{staging_};
  ExpertCounts counts_;
};

// Loss-free balancing (Wang et al. 2024), once a step before the optimiser: each selection bias moves by gamma towards
// the experts with fewer tokens than the mean, bias += gamma * (s - mean(s)), s = sign(mean(count) - count).
// counts: of the whole step, over all microbatches and ranks.
void update_selection_bias(Stream& stream, ParameterSet& parameters, const ExpertCounts& counts, float gamma = 1e-3f);

}  // namespace hearth::nn
