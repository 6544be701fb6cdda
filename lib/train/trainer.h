// SPDX-License-Identifier: Apache-2.0
// The step loop of pre-training: data in, checkpoints, metrics and a report out. What a run computes depends on its
// settings, model and data; not on threads, on when it was interrupted, or on where it writes.
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "formats/checkpoint.h"
#include "lib/base/clock.h"
#include "lib/data/loader.h"
#include "lib/device/context.h"
#include "lib/nn/model.h"
#include "lib/optim/optimizer.h"
#include "lib/store/model_source.h"
#include "lib/train/data_parallel.h"
#include "lib/train/evaluate.h"
#include "lib/train/metrics.h"
#include "lib/train/outlier.h"
#include "lib/train/rank_times.h"
#include "lib/train/saver.h"
#include "lib/train/settings.h"

namespace hearth::train {

// What a run is beyond its numbers: goes into checkpoints and the report.
struct RunDescription {
  std::filesystem::path folder;   // exists, locked by the caller
  std::string asked = "{}";       // JSON: options as given, compared when the run is resumed
  std::string provenance = "{}";  // JSON
  std::vector<std::pair<std::string, std::string>> model_table, run_table;  // of the report
  double ceiling_flops_per_s = 0;  // what matrix_rate() gave; 0: run() measures it
  std::vector<std::string> nodes;  // of each rank, for messages
};

struct Outcome {
  bool stopped = false;  // by signal or time limit, after a checkpoint
  std::int64_t step = 0;
  std::uint64_t tokens = 0;                  // targets trained on
  double loss = 0;                           // of the last step
  std::optional<HeldOutResult> first, last;  // of this process's evaluations
  double seconds = 0, tokens_per_s = 0, ceiling_ratio = 0;
  std::int64_t n_skipped = 0;
};

class Trainer {
 public:
  // Allocates everything. Weights are zero until one of the three calls below.
  Trainer(Context& context, const nn::ModelConfig& config, const TrainSettings& settings,
          const RunSettings& run_settings, const data::Corpus& corpus, RunDescription description);

  void start_fresh();                                        // random weights from the seed
  void start_from(const store::ModelSource& source);         // weights of another model, everything else new
  void resume(const formats::CheckpointReader& checkpoint);  // exactly where the checkpoint was

  // Trains to the last step or until stopped. Throws Error{internal} when training diverges, Error{io} when a
  // checkpoint cannot be written.
  Outcome run();

  nn::Model& model() { return model_; }
  std::int64_t step() const { return step_; }

  // The bytes all of this needs, by kind, without allocating: model, optimiser, staging copy of checkpoints,
  // and what any process takes.
  struct Plan {
    nn::MemoryPlan model;
    std::size_t optimizer = 0, staging = 0;
    double exchanged_bytes = 0;  // that a rank sends to those with the same parameters, in a step
    std::size_t batches = 0;     // on their way to a GPU, in pinned memory
    std::size_t process =
        80 << 20;  // program, libraries, thread stacks, the matrix rate's operands, curves, rows of data
    bool on_gpu = false;
    // Of the memory where the model lies; and of the host's where that is another.
    std::size_t total() const { return model.total() + optimizer + (on_gpu ? 0 : host()); }
    std::size_t host() const { return staging + batches + process; }
  };
  // shape: of the mesh; the most any of its ranks needs.
  static Plan plan(const nn::ModelConfig& config, const TrainSettings& settings, const Device& device = {},
                   const comm::MeshShape& shape = {.data = 1}, nn::Shard shard = nn::Shard::optimizer,
                   const GpuKernels& gpu_kernels = {});

 private:
  // A step that was put into the stream, and what the host will read of it.
  struct Flight {
    std::int64_t step = 0, n_targets = 0;
    double learning_rate = 0, communication_s = 0;
    std::vector<double> epochs;
    Tensor report, ledger;  // on the host, there when end has passed
    Event begin, end;
    explicit Flight(const Device& device) : begin(device), end(device) {}
  };

  void one_step();
  // Puts the next step into the stream; nothing waits.
  void enqueue_step();
  void make_read_back();
  void add_microbatches(std::span<const data::Row> rows, const nn::Objective& objective);
  // Reads what came of the oldest step in flight, and records it.
  void resolve_oldest();
  void settle();  // resolves all there are
  void evaluate_now();
  void save_checkpoint();
  void save_between_steps();  // the same, but a disk without room does not end the run
  bool pauses_saving(const std::function<void()>& saving);
  void roll_back(const std::string& reason);
  void use_masters();
  template <class Read>
  void fill_parameters(const Read& read);
  void restore_tensors(const formats::CheckpointReader& checkpoint);
  void log_start();
  void record_failure(const Error& failure);
  void refresh_report();
  void write_report(const std::string& status);
  void show_progress(std::int64_t step, const Json& event);
  Json write_event(std::string_view name, const Json& fields);
  Json write_event(std::string_view name, const Json& fields, const Json& clock);
  Json write_event_of(std::int64_t step, std::string_view name, const Json& fields, const Json& clock);
  static Json expert_load(const nn::ExpertCounts& counts);
  std::vector<NamedTensor> tensors();
  Json trainer_state();
  bool due(std::int64_t every) const { return every > 0 && step_ % every == 0; }
  bool time_is_up() const;
  bool far_enough() const { return run_settings_.stop_at > 0 && step_ >= run_settings_.stop_at; }

  // What the ranks tell each other between steps, so that all end, and complete a checkpoint, at the same one.
  void agree();
  void watch_ranks();  // slow ones are told, replicas that differ end the run
  bool first_rank() const { return mesh_->rank() == 0; }

  Context& context_;
  std::unique_ptr<comm::Mesh> alone_;  // the mesh when the context has none
  const comm::Mesh* mesh_;
  TrainSettings settings_;
  RunSettings run_settings_;
  RunDescription description_;
  nn::Model model_;
  optim::Optimizer optimizer_;
  DataParallel parallel_;
  data::Loader loader_;
  data::HeldOut held_out_;
  OutlierDetector detector_;
  CheckpointSaver saver_;
  RankTimes rank_times_;
  RunHistory history_;
  std::optional<MetricsLog> metrics_;
  Buffer read_back_;  // of flights_
  std::array<Flight, 2> flights_;
  std::size_t n_in_flight_ = 0;
  Replay zeroing_, measuring_, applying_;
  int skipped_in_a_row_ = 0;  // up to the last step resolved

  bool stopping_ = false;  // all ranks have agreed to
  std::int64_t step_ = 0;  // steps taken
  std::uint64_t tokens_ = 0;
  std::uint64_t metrics_position_ = 0;
  std::int64_t saved_step_ = -1;      // there is a checkpoint of this step
  std::int64_t rolled_back_to_ = -1;  // the step of the checkpoint a roll-back last went to
  double ceiling_flops_per_s_ = 0, flops_per_token_ = 0;
  Stopwatch elapsed_;
  double report_written_s_ = -1e9, trained_s_ = 0;
  std::uint64_t trained_tokens_ = 0;
  Outcome outcome_;
};

}  // namespace hearth::train
