// SPDX-License-Identifier: Apache-2.0
// Meshes of several ranks with GPUs, as threads on the SIMT machine: a few steps of pretraining give the losses of one
// rank and the same bits twice, and nobody waits within a step.
#include <filesystem>
#include <string>
#include <vector>

#include "lib/comm/mesh.h"
#include "lib/comm/nccl/communicator.h"
#include "lib/nn/model.h"
#include "tests/cuda/support.h"
#include "tests/cuda/tiny_run.h"
#include "tests/lib/comm/thread_transport.h"
#include "tests/support/catch.h"

#ifdef HEARTH_SIMT
namespace hearth::train {
namespace {

using comm::MeshShape;

constexpr std::int64_t n_steps = 3;

// Of two layers or, without experts, as many as asked for, with a vocabulary that nothing divides.
nn::ModelConfig small(bool mixture, std::int64_t kv_heads, std::size_t n_layers = 2) {
  nn::ModelConfig config = test::tiny(mixture, 41, 4, kv_heads);
  if (!mixture) config.layers.assign(n_layers, 0);
  return config;
}

// Runs of one small model on meshes.
class Runs {
 public:
  explicit Runs(bool mixture, std::int64_t kv_heads = 2, DType dtype = DType::f32, std::size_t n_layers = 2,
                std::int64_t n_rows = 3)
      : dtype_(dtype),
        n_rows_(n_rows),
        folder_(std::string("meshes") + (mixture ? "-mixture" : "")),
        config_(small(mixture, kv_heads, n_layers)),
        corpus_({{test::tokens_file(folder_.path).string(), {}}}, {}),
        one_(losses({}, 1)) {}

  std::vector<double> losses(const MeshShape& asked, int n_ranks, std::int64_t steps = n_steps,
                             const RunSettings& how = {}) {
    std::vector<double> losses;
    TrainSettings settings = test::tiny_settings(dtype_, steps);
    if (n_rows_ > settings.batch_rows) settings.batch_rows = n_rows_, settings.microbatch_rows = 1;
    settings.expert_headroom = headroom;
    if (recomputes) settings.activation_bytes = least_activations(settings, asked.for_ranks(n_ranks));
    const std::filesystem::path folder = folder_.path / std::to_string(n_runs_++);
    comm::with_thread_ranks(n_ranks, [&](std::unique_ptr<comm::Communicator> host) {
      ThreadPool pool(1);
      const Device device = test::gpu();
      const comm::Mesh mesh(comm::make_nccl_communicator(std::move(host), device, pool), asked.for_ranks(n_ranks));
      const auto own = test::losses_of_run(mesh, device, pool, corpus_, folder, config_, settings, how);
      if (mesh.rank() == 0) losses = own;
    });
    return losses;
  }

  // Against one rank, and against itself.
  void check(const MeshShape& asked, int n_ranks, const RunSettings& how = {}) {
    INFO(asked.for_ranks(n_ranks).text() << ", sharded " << nn::name_of(how.shard)
                                         << (config_.has_moe() ? ", mixture" : ", dense"));
    const std::vector<double> some = losses(asked, n_ranks, n_steps, how);
    REQUIRE(one_.size() == n_steps);
    REQUIRE(some.size() == n_steps);
    // A token near a tie may choose other experts.
    const double most = dtype_ == DType::bf16 ? 1e-2 : config_.has_moe() ? 1e-3 : 1e-5;
    for (std::size_t i = 0; i < some.size(); ++i) CHECK(some[i] == Approx(one_[i]).epsilon(most));
    CHECK(losses(asked, n_ranks, n_steps, how) == some);
  }

  // What the ranks of a mesh wait for and allocate in some more steps; in each the host waits for one event, the end of
  // the step before, and for others_a_step besides. The evaluations at the ends may wait for one more in one run.
  void check_waits(const MeshShape& asked, int n_ranks, long others_a_step = 0, const RunSettings& how = {}) {
    INFO(asked.for_ranks(n_ranks).text() << ", sharded " << nn::name_of(how.shard));
    const auto waits_of = [&](std::int64_t steps) {
      const test::Waits before = test::Waits::so_far();
      losses(asked, n_ranks, steps, how);
      return test::Waits::so_far() - before;
    };
    const test::Waits few = waits_of(2), more = waits_of(7) - few;
    CHECK(more.streams == 0);
    CHECK(more.events <= 5 * n_ranks * (1 + others_a_step) + n_ranks);
    CHECK(more.copies == 0);
    CHECK(more.allocations == 0);
  }

  double headroom = 2;      // of spread experts
  bool recomputes = false;  // as many blocks as there are

 private:
  std::size_t least_activations(TrainSettings settings, const MeshShape& shape) const {
    try {
      while (true)
        settings.activation_bytes = Trainer::plan(config_, settings, test::gpu(), shape).model.activations - 1;
    } catch (const Error&) {
      return settings.activation_bytes + 1;
    }
  }

  DType dtype_;
  std::int64_t n_rows_;
  test::Folder folder_;
  nn::ModelConfig config_;
  data::Corpus corpus_;
  int n_runs_ = 0;
  std::vector<double> one_;
};

TEST_CASE("tensor ranks with GPUs pretrain as one") {
  Runs dense(false), mixture(true);
  dense.check({.tensor = 2}, 2);
  dense.check({.tensor = 2}, 4);
  dense.check_waits({.tensor = 2}, 2);
  mixture.check({.tensor = 2}, 2);
}

TEST_CASE("expert ranks with GPUs pretrain as one, and wait for their counts alone") {
  Runs mixture(true);
  mixture.check({.expert = 2}, 2);
  mixture.check({.expert = 4}, 4);
  mixture.check({.tensor = 2, .expert = 2}, 4);
  mixture.check_waits({.expert = 2}, 2, 1);  // one pass a step, one layer with experts
  mixture.headroom = 0.4;                    // in rounds
  mixture.check({.expert = 2}, 2);
  mixture.recomputes = true;  // whose counts are known
  mixture.check({.expert = 2}, 2);
  mixture.check_waits({.expert = 2}, 2, 1);
}

TEST_CASE("pipeline stages with GPUs pretrain as one") {
  Runs dense(false), mixture(true);
  dense.check({.pipeline = 2}, 2);
  dense.check({.pipeline = 2}, 4);
  dense.check({.pipeline = 2, .tensor = 2}, 4);
  dense.check({.pipeline = 2, .context = 2}, 4);
  dense.check_waits({.pipeline = 2}, 2);
  mixture.check({.pipeline = 2, .expert = 2}, 4);
}

TEST_CASE("context ranks with GPUs pretrain as one, by heads and by rings") {
  for (const std::int64_t kv_heads : {4, 1}) {
    Runs dense(false, kv_heads);
    dense.check({.context = 2}, 2);
    dense.check_waits({.context = 2}, 2);
    if (kv_heads > 1) dense.check({.context = 2, .tensor = 2}, 4);
  }
  Runs(true).check({.context = 2, .expert = 2}, 2);
}

TEST_CASE("meshes of GPUs pretrain as one in bf16") {
  Runs(false, 1, DType::bf16).check({.context = 2}, 2);  // a ring
  Runs dense(false, 2, DType::bf16), mixture(true, 2, DType::bf16);
  dense.check({.tensor = 2}, 2);
  mixture.check({.expert = 2}, 2);
}

TEST_CASE("three stages with GPUs in their steady state, and a ring of three, pretrain as one") {
  Runs(false, 2, DType::f32, 3, 6).check({.pipeline = 3}, 3);
  Runs(false, 1).check({.context = 3}, 3);
}

TEST_CASE("ranks with GPUs pretrain as one with sharded gradients and parameters") {
  Runs dense(false), mixture(true);
  for (const nn::Shard shard : {nn::Shard::gradients, nn::Shard::parameters}) {
    RunSettings how;
    how.shard = shard;
    dense.check({}, 2, how);
    dense.check({.tensor = 2}, 4, how);
    mixture.check({.expert = 2}, 2, how);
    dense.check_waits({}, 2, 0, how);
  }
}

// Of some tokens of a text of two documents, by the rank of a mesh.
std::vector<float> some_logits(const comm::Mesh& mesh, const Device& device, ThreadPool& pool) {
  constexpr std::int64_t n = 11, vocab = 41;
  Stream stream(device, pool);
  nn::ModelSettings settings;
  settings.device = device;
  settings.max_tokens = n;
  settings.logits_rows = 4;
  settings.parallel = nn::Parallel(mesh);
  nn::Model model(small(false, 4), DType::f32, settings);
  model.parameters().initialise(stream, 7);
  model.units().spread(stream);
  std::vector<std::int32_t> ids, positions, starts{0, 7, n};
  for (std::int32_t i = 0; i < n; ++i) ids.push_back(i * 17 % 41), positions.push_back(i < 7 ? i : i - 7);
  const std::vector<std::int64_t> rows{10, 0, 6, 7};
  std::vector<float> logits(rows.size() * vocab, -1);
  model.logits(stream,
               {.ids = {ids.data(), {n}},
                .positions = {positions.data(), {n}},
                .cu_seqlens = {starts.data(), {3}},
                .targets = {ids.data(), {n}},
                .token_weight = {},
                .embeddings = {}},
               rows, Tensor(logits.data(), {4, vocab}));
  return logits;
}

TEST_CASE("logits on meshes of GPUs are those of one rank, on every rank") {
  std::vector<float> one;
  const auto check = [&](const MeshShape& asked, int n_ranks) {
    INFO(asked.for_ranks(n_ranks).text());
    std::vector<std::vector<float>> of_ranks(static_cast<std::size_t>(n_ranks));
    comm::with_thread_ranks(n_ranks, [&](std::unique_ptr<comm::Communicator> host) {
      ThreadPool pool(1);
      const Device device = test::gpu();
      const comm::Mesh mesh(comm::make_nccl_communicator(std::move(host), device, pool), asked.for_ranks(n_ranks));
      of_ranks[static_cast<std::size_t>(mesh.rank())] = some_logits(mesh, device, pool);
    });
    if (one.empty()) one = of_ranks.front();
    for (const std::vector<float>& logits : of_ranks) {
      for (std::size_t i = 0; i < one.size(); ++i) CHECK(logits[i] == Approx(one[i]).epsilon(1e-4).margin(1e-5));
    }
  };
  check({}, 1);
  check({.tensor = 2}, 2);
  check({.pipeline = 2}, 2);
  check({.context = 2}, 2);
  check({.pipeline = 2, .tensor = 2}, 4);
}

}  // namespace
}  // namespace hearth::train
#endif
