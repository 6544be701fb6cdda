// SPDX-License-Identifier: Apache-2.0
// The model: forward and backward by hand over kernels/*.h, for any ModelConfig. One call handles one microbatch.
//
// Residual stream and activations have the parameters' dtype; router logits, norm statistics, softmax, losses and all
// weight gradients are f32 (a bf16 stream costs half the memory traffic, which bounds everything but the GEMMs on a
// CPU; what it loses is checked against f32 in tests/lib/nn).
// Nothing is allocated after construction but what Arena plans: plan_memory runs the same code without kernels.
// Batches, results and logits are of the host, wherever the model is.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/device/device.h"
#include "lib/device/memory.h"
#include "lib/nn/batch.h"
#include "lib/nn/config.h"
#include "lib/nn/feed.h"
#include "lib/nn/objective.h"
#include "lib/nn/parameters.h"
#include "lib/nn/pass.h"
#include "lib/nn/units.h"

namespace hearth::nn {

struct ModelSettings {
  Purpose purpose = Purpose::train;
  Device device = {};                 // where its memory lies; every Stream it is given must be of that device
  GpuKernels gpu_kernels = {};        // that those streams choose
  std::int64_t max_tokens = 0;        // of a microbatch
  std::int64_t logits_rows = 0;        // most that logits() is asked for at once; 0: it is not
  std::size_t activation_bytes = 0;   // budget of what the backward pass keeps; 0: keep everything. Blocks are
                                      // recomputed, first ones first, until it fits (Error{config} when none does)
  float balance_coefficient = 1e-4f;  // DeepSeek-V3's sequence balance, per token of the step (mixtures)
  float router_z_coefficient = 0;     // ST-MoE's router z-loss, per token of the step
  double expert_headroom = 2;         // experts spread over ranks have room for so many times the mean of rows; what
                                      // comes beyond goes in further rounds
  std::int64_t in_flight = 4;         // microbatches a device may be behind before add() waits for it
  bool graphs = true;                 // on a device, record passes whose shapes come again and in which no ranks meet
  ShardSettings shard = {};           // among ranks that hold the same parameters
  Parallel parallel = {};             // whose mesh, if any, must outlive the model
};

// Bytes the model will hold, by kind; what --dry-run prints. The optimiser's are in lib/optim.
struct MemoryPlan {
  std::size_t weights = 0, masters = 0, gradients = 0;
  std::size_t activations = 0;      // peak, everything a microbatch needs
  std::size_t scratch = 0;          // of the kernels, on a device
  std::int64_t recomputed_blocks = 0;
  std::size_t total() const { return weights + masters + gradients + activations + scratch; }
};
MemoryPlan plan_memory(const ModelConfig& config, DType dtype, const ModelSettings& settings);

// What one microbatch gave, or all of a step.
struct StepResult {
  double loss = 0;             // of the objective: its share of the step's loss
  double balance_loss = 0;     // of the routers, weighted and normalised, summed over layers; not in loss
  double router_z_loss = 0;
  double weighted_tokens = 0;  // sum of token_weight
  double negative_log_prob = 0;  // sum of token_weight * -log_prob (nats), for bits per byte
  double mean_negative_log_prob = 0;  // the same, divided by the objective's normaliser
  // The most rounds that rows of spread experts took (ModelSettings::expert_headroom); 0: none are spread.
  std::int64_t expert_rounds = 0;
};

// Tokens each expert of each layer received; dense layers have an empty row. Added up over the microbatches of a step.
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
  Units& units() { return units_; }  // to be spread after the parameters were set
  std::size_t activation_peak_bytes() const { return arena_.peak_bytes(); }  // so far; never above the plan's

  // Forgets what the microbatches of the step before have added up to.
  void begin_step() { ledger_is_stale_ = true; }
  // Forward and backward of one microbatch; gradients are added to (zero them before a step's first), and so is the
  // ledger. On a device the work is put into the stream, and nothing is waited for; the batch may go at once. The
  // objective must not evaluate. Same bits whatever is recomputed, for any number of threads, with graphs or without.
  // Among pipeline stages the backward passes lag behind (1F1B), the last ones until finish_step.
  void add(Stream& stream, const Batch& batch, const Objective& objective);
  void finish_step(Stream& stream);
  // The same, waited for: what this microbatch alone gave, and expert_counts().
  StepResult forward_backward(Stream& stream, const Batch& batch, const Objective& objective);

  // What the step has added up to: where it lies, and as numbers from a copy on the host.
  const Ledger& ledger() const { return ledger_; }
  StepResult result_of(const Tensor& copy_of_ledger) const;
  ExpertCounts counts_of(const Tensor& copy_of_ledger) const;
  std::size_t n_graphs() const;  // recorded so far

  // log_prob [tokens] f32: of each target (0 without one). No gradient, no expert counts.
  void log_probs(Stream& stream, const Batch& batch, Tensor log_prob);

  // logits [rows.size(), vocab] f32 of some tokens of the batch (targets are not looked at). Among ranks that hold one
  // model together all give the same batch and rows, and all have the result; those of other data ranks, which may have
  // other batches, make as many calls where experts are spread or parameters shared out.
  void logits(Stream& stream, const Batch& batch, const std::vector<std::int64_t>& rows, Tensor logits);

  const ExpertCounts& expert_counts() const { return counts_; }

 private:
  struct Recorded;
  struct Staged;

  void start(Stream& stream);
  Arena& free_arena();
  Pass pass_over(Stream& stream, const Batch& batch, double normaliser, Arena& arena, std::size_t place = 0);
  void check_ids(const Batch& batch) const;
  void add_to_pipeline(Stream& stream, const Batch& batch, const Objective& objective);
  void receive(Stream& stream, const Batch& batch);
  void oldest_backward(Stream& stream, const Tensor& made);
  void send_back(Stream& stream);
  std::optional<double> run(Stream& stream, const Batch& batch, const Objective& objective);

  ModelConfig config_;
  ModelSettings settings_;
  MemoryPlan plan_;
  ParameterSet parameters_;
  Units units_;
  std::unique_ptr<Network> network_;
  Arena arena_;
  std::shared_ptr<const Buffer> scratch_;  // lent to the stream in use
  Staging staging_;
  Ledger ledger_;
  Feed feed_;
  Tensor received_;  // [most own tokens, hidden]: what the stage before made of the microbatch that is begun
  bool ledger_is_stale_ = true, constants_are_placed_ = false;
  // By tokens, sequences, the longest of them, z-loss.
  std::map<std::array<std::int64_t, 4>, std::unique_ptr<Recorded>> recorded_;
  ExpertCounts counts_;
  std::vector<std::unique_ptr<Staged>> staged_;  // as many microbatches as this stage has under way, used in turn
  std::size_t n_staged_ = 0, next_staged_ = 0;   // under way; the next to use
  Staged* not_sent_back_ = nullptr;              // whose gradient the stage before has still to get
};

// Loss-free balancing (Wang et al. 2024), once a step before the optimiser: each selection bias moves by gamma towards
// the experts with fewer tokens than the mean, bias += gamma * (s - mean(s)), s = sign(mean(count) - count).
// counts: by layer, of the whole step, over all microbatches and ranks. control: kernels::judge_step's, or none.
void update_selection_bias(Stream& stream, ParameterSet& parameters, const std::vector<Tensor>& counts,
                           float gamma = 1e-3f, const Tensor& control = {});

}  // namespace hearth::nn
