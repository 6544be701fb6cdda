// SPDX-License-Identifier: Apache-2.0
// Twenty steps on meshes of threads against the same on one rank: the loss, the bits of a second time, and of mixtures
// how often a token goes elsewhere where the routing is free. Trusts tests/lib/comm.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "lib/base/rng.h"
#include "lib/nn/model.h"
#include "lib/optim/optimizer.h"
#include "lib/train/data_parallel.h"
#include "lib/train/outlier.h"
#include "tests/lib/comm/thread_transport.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::train;

namespace {

constexpr std::int64_t n_steps = 20, n_rows = 7, row_tokens = 30, most_rows_at_once = 2;

// Vocabulary and tokens that nothing divides, documents that cross every cut.
nn::ModelConfig small(bool moe) {
  nn::ModelConfig config;
  config.vocab = 61, config.hidden = 32, config.context = row_tokens;
  config.init.output_gain = 0.5;
  nn::Block full;
  full.attention = {.heads = 4, .kv_heads = 4, .head_dim = 8, .qk_norm = true};
  full.rope = {.theta = 1000, .dims = 8, .scaling = {}};
  full.feed_forward.ffn = 48;
  nn::Block window = full;
  window.attention = {.heads = 8, .kv_heads = 4, .head_dim = 8, .qk_norm = false};
  window.mask = {nn::Mask::Kind::window, 7};
  nn::Block chunk = full;
  chunk.mask = {nn::Mask::Kind::chunk, 5};
  nn::Block mixture = full;
  mixture.feed_forward = {.ffn = 0,
                          .moe = nn::Moe{.experts = 8, .k = 2, .ffn = 16, .shared_ffn = 16, .router = {.scale = 1.5}}};
  nn::Block unshared = chunk;
  unshared.feed_forward = {.ffn = 0,
                           .moe = nn::Moe{.experts = 4,
                                          .k = 2,
                                          .ffn = 16,
                                          .shared_ffn = 0,
                                          .router = {.score = nn::Router::Score::softmax, .selection_bias = false}}};
  config.blocks = {{"full", full}, {"window", window}, {"chunk", chunk}, {"mixture", mixture}, {"unshared", unshared}};
  config.layers = moe ? std::vector<std::size_t>{0, 3, 1, 4, 3} : std::vector<std::size_t>{0, 1, 2, 0, 1};
  nn::check_config(config);
  return config;
}

using Choices = std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::int32_t>>;  // by step and row

// Rows of a step, packed.
struct Rows {
  std::vector<std::int32_t> ids, positions, cu_seqlens{0}, targets;
  std::vector<float> weights;
  std::vector<std::int32_t> choices, chosen;  // [layers, tokens, k]

  void add(std::int64_t step, std::int64_t row, std::int64_t vocab) {
    Rng rng(static_cast<std::uint64_t>(1 + step * n_rows + row));
    std::int64_t left = row_tokens;
    std::int32_t id = static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(vocab)));
    while (left > 0) {
      const std::int64_t length =
          std::min<std::int64_t>(left, 1 + static_cast<std::int64_t>(rng.below(row == 0 ? 60 : 17)));
      for (std::int64_t i = 0; i < length; ++i) {
        ids.push_back(id);
        id = static_cast<std::int32_t>(rng.below(4) == 0 ? rng.below(static_cast<std::uint64_t>(vocab))
                                                         : (id * 7 + 3) % vocab);
        targets.push_back(i + 1 == length ? -1 : id);
        weights.push_back(i + 1 == length ? 0 : 1);
        positions.push_back(static_cast<std::int32_t>(i));
      }
      cu_seqlens.push_back(static_cast<std::int32_t>(ids.size()));
      left -= length;
    }
  }
  nn::Batch view() {
    const auto n = static_cast<std::int64_t>(ids.size());
    return {.ids = {ids.data(), {n}},
            .positions = {positions.data(), {n}},
            .cu_seqlens = {cu_seqlens.data(), {static_cast<std::int64_t>(cu_seqlens.size())}},
            .targets = {targets.data(), {n}},
            .token_weight = {weights.data(), {n}},
            .embeddings = {}};
  }
};

struct Run {
  std::vector<double> losses, norms;
  Choices choices;
  std::vector<float> weights;  // of rank 0 at the end
};

// One rank's part of a run. given: the choices to replay, or none.
void train_rank(const comm::Mesh& mesh, const nn::ModelConfig& config, bool muon, const Choices* given, Run& run,
                std::mutex& mutex) {
  ThreadPool pool(1);
  Stream stream(pool);
  nn::ModelSettings settings;
  settings.max_tokens = most_rows_at_once * row_tokens;
  settings.parallel = nn::Parallel(mesh);
  nn::Model model(config, DType::f32, settings);
  optim::OptimizerSettings how;
  how.muon = muon;
  optim::Optimizer optimizer(model.parameters(), how, settings.parallel);
  DataParallel parallel(mesh, model, optimizer);
  OutlierDetector detector({}, how);
  model.parameters().initialise(stream, 7);
  optimizer.take_masters(stream, model.parameters());
  const std::int64_t layers = config.n_layers(), k = 2;
  for (std::int64_t step = 0; step < n_steps; ++step) {
    model.parameters().zero_gradients(stream);
    model.begin_step();
    const comm::Piece share = parallel.share_of(n_rows);
    const std::int64_t passes = parallel.n_passes(n_rows, most_rows_at_once);
    for (std::int64_t pass = 0; pass < passes; ++pass) {
      const std::int64_t begin = share.begin + std::min(share.count, pass * most_rows_at_once);
      const std::int64_t end = std::min(share.begin + share.count, begin + most_rows_at_once);
      Rows rows;
      for (std::int64_t row = begin; row < end; ++row) rows.add(step, row, config.vocab);
      nn::Batch batch = rows.view();
      const std::int64_t n = batch.n_tokens();
      rows.chosen.resize(static_cast<std::size_t>(layers * n * k), -1);
      const auto of = [&](std::vector<std::int32_t>& all, std::int64_t layer, std::int64_t row) {
        return all.begin() + (layer * n + (row - begin) * row_tokens) * k;
      };
      if (config.has_moe()) batch.chosen_experts = Tensor(rows.chosen.data(), {layers, n, k});
      if (config.has_moe() && given != nullptr) {
        rows.choices.resize(rows.chosen.size());
        for (std::int64_t row = begin; row < end; ++row) {
          for (std::int64_t layer = 0; layer < layers; ++layer) {
            const auto& all = given->at({step, row});
            std::copy_n(all.begin() + layer * row_tokens * k, row_tokens * k, of(rows.choices, layer, row));
          }
        }
        batch.expert_choices = Tensor(rows.choices.data(), {layers, n, k});
      }
      model.add(stream, batch, nn::cross_entropy(static_cast<double>(n_rows * row_tokens), 1e-4f));
      const std::lock_guard lock(mutex);
      for (std::int64_t row = begin; row < end; ++row) {
        std::vector<std::int32_t>& all = run.choices[{step, row}];
        all.resize(static_cast<std::size_t>(layers * row_tokens * k), -1);
        for (std::int64_t layer = 0; layer < layers; ++layer) {
          for (std::int64_t i = 0; i < row_tokens * k; ++i) {
            const std::int32_t id = *(of(rows.chosen, layer, row) + i);
            if (id >= 0) all[static_cast<std::size_t>(layer * row_tokens * k + i)] = id;
          }
        }
      }
    }
    parallel.reduce(stream);
    optimizer.measure(stream, model.parameters());
    parallel.add(stream, optimizer.squares());
    detector.judge(stream, model.ledger().head.rows(3, 1), optimizer.squares(), 1e-3);
    nn::update_selection_bias(stream, model.parameters(), model.ledger().counts, 1e-3f, detector.control());
    optimizer.step(stream, model.parameters(), detector.control());
    parallel.spread(stream);
    if (mesh.rank() == 0) {
      run.losses.push_back(detector.report().as<double>()[kernels::StepReport::loss]);
      run.norms.push_back(detector.report().as<double>()[kernels::StepReport::gradient_norm]);
    }
  }
  if (mesh.rank() != 0) return;
  for (const nn::Parameter& parameter : model.parameters().all()) {
    const auto values = parameter.master.span<float>();
    run.weights.insert(run.weights.end(), values.begin(), values.end());
  }
}

Run train(const comm::MeshShape& asked, int n_ranks, const nn::ModelConfig& config, bool muon,
          const Choices* given = nullptr) {
  Run run;
  std::mutex mutex;
  if (n_ranks == 1) {
    train_rank(comm::Mesh(), config, muon, given, run, mutex);
    return run;
  }
  comm::with_thread_ranks(n_ranks, [&](std::unique_ptr<comm::Communicator> world) {
    const comm::Mesh mesh(std::move(world), asked.for_ranks(n_ranks));
    train_rank(mesh, config, muon, given, run, mutex);
  });
  return run;
}

double worst(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double difference = std::abs(a[i] - b[i]) / std::abs(b[i]);
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

std::int64_t flips(const Choices& a, const Choices& b) {
  std::int64_t n = 0;
  for (const auto& [at, ids] : a) {
    const auto& other = b.at(at);
    for (std::size_t i = 0; i < ids.size(); i += 2)
      n += std::minmax(ids[i], ids[i + 1]) != std::minmax(other[i], other[i + 1]);
  }
  return n;
}

struct Case {
  int n_ranks;
  comm::MeshShape shape;
};

// Every mesh of the table against one rank, and against itself.
void check_table(const std::vector<Case>& table, bool moe, bool muon) {
  const nn::ModelConfig config = small(moe);
  const Run one = train({}, 1, config, muon);
  REQUIRE(one.losses.size() == n_steps);
  REQUIRE(one.losses.back() < one.losses.front());
  std::int64_t n_flips = 0;
  for (const Case& each : table) {
    const Run run = train(each.shape, each.n_ranks, config, muon, moe ? &one.choices : nullptr);
    INFO(each.shape.for_ranks(each.n_ranks).text() << (moe ? ", mixture" : ", dense") << (muon ? ", muon" : ", adamw"));
    CHECK(worst(run.losses, one.losses) < 1e-5);
    CHECK(worst(run.norms, one.norms) < 1e-3);
    const Run again = train(each.shape, each.n_ranks, config, muon);
    if (!moe) {
      CHECK(again.losses == run.losses);
      CHECK(again.weights == run.weights);
      continue;
    }
    n_flips += flips(again.choices, one.choices);
    const Run third = train(each.shape, each.n_ranks, config, muon);
    CHECK(third.losses == again.losses);
    CHECK(third.weights == again.weights);
  }
  if (moe)
    WARN(n_flips << " choices of experts fell otherwise where routing was free, over " << table.size() << " meshes of "
                 << n_steps << " steps");
}

const std::vector<Case>& meshes() {
  static const std::vector<Case> table{
      {2, {}}, {2, {.tensor = 2}}, {4, {.tensor = 2}}, {4, {.tensor = 4}}, {8, {.tensor = 4}}};
  return table;
}

}  // namespace

TEST_CASE("dense models train on every mesh as on one rank") {
  check_table(meshes(), false, true);
}
TEST_CASE("dense models train on every mesh as on one rank, by AdamW") {
  check_table(meshes(), false, false);
}
const std::vector<Case>& meshes_of_experts() {
  static const std::vector<Case> table{{2, {.expert = 2}},
                                       {4, {.expert = 2}},
                                       {4, {.expert = 4}},
                                       {4, {.tensor = 2, .expert = 2}},
                                       {8, {.tensor = 2, .expert = 2}}};
  return table;
}
TEST_CASE("mixtures train on every mesh as on one rank, their experts spread") {
  check_table(meshes_of_experts(), true, true);
}
TEST_CASE("mixtures train on every mesh as on one rank, their routing replayed") {
  check_table(meshes(), true, true);
}
