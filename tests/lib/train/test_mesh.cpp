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

// Vocabulary and tokens that nothing divides, documents that cross every cut. lone: heads that all share their key and
// value, as no ranks can.
nn::ModelConfig small(bool moe, bool lone = false) {
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
  if (lone) {
    for (nn::Block* each : {&full, &window, &chunk, &mixture, &unshared})
      each->attention.heads -= 1, each->attention.kv_heads = 1;
  }
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
  // At the end, from what each rank would write into a checkpoint: parameters and the optimiser's state, NaN where no
  // rank has a row.
  std::map<std::string, std::vector<float>> wholes;
  std::int64_t n_twice = 0;                    // rows that more than one has
  std::vector<kernels::StepVerdict> verdicts;  // of the last step, of every rank
  std::int64_t rounds = 0;                     // the most of a layer's experts
  double sent_bytes = 0;                       // among ranks that hold the same, over all of them and all steps
};

void add_owned(const optim::StateTensor& owned, Run& run) {
  std::vector<float>& whole = run.wholes[owned.name];
  if (whole.empty()) whole.resize(static_cast<std::size_t>(owned.whole.n_elements()), NAN);
  auto to = whole.begin() + owned.first_row * (owned.whole.n_elements() / owned.whole[0]);
  for (const float value : owned.tensor.span<float>()) {
    if (!std::isnan(*to)) ++run.n_twice;
    *to++ = value;
  }
}

struct How {
  bool muon = true;
  const Choices* given = nullptr;  // the choices to replay, or none
  int broken = -1;                 // a rank whose gradient is not finite in the last step, or none
  bool recompute = false;          // as many blocks as can be
  nn::ContextBy context_by = nn::ContextBy::either;
  double headroom = 2;  // of experts
  nn::Shard shard = nn::Shard::optimizer;
  std::int64_t rows_at_once = most_rows_at_once;
};

std::size_t least_activations(const nn::ModelConfig& config, nn::ModelSettings settings) {
  try {
    while (true) settings.activation_bytes = nn::plan_memory(config, DType::f32, settings).activations - 1;
  } catch (const Error&) {
    return settings.activation_bytes + 1;
  }
}

void break_own_gradient(const nn::ParameterSet& parameters) {
  const auto owned = std::ranges::find_if(parameters.all(), [](const nn::Parameter& each) {
    return each.own_gradient && each.spec.copies != nn::Copies::data_and_tensor;
  });
  owned->own_gradient.as<float>()[0] = NAN;
}

// One rank's part of a run.
void train_rank(const comm::Mesh& mesh, const nn::ModelConfig& config, const How& how, Run& run, std::mutex& mutex) {
  ThreadPool pool(1);
  Stream stream(pool);
  nn::ModelSettings settings;
  settings.max_tokens = how.rows_at_once * row_tokens;
  settings.shard = {how.shard, how.muon};
  settings.parallel = nn::Parallel(mesh);
  settings.parallel.context_by = how.context_by;
  settings.expert_headroom = how.headroom;
  if (how.recompute) settings.activation_bytes = least_activations(config, settings);
  nn::Model model(config, DType::f32, settings);
  optim::OptimizerSettings by;
  by.muon = how.muon;
  optim::Optimizer optimizer(model.parameters(), by, settings.parallel);
  DataParallel parallel(mesh, model);
  OutlierDetector detector({}, by);
  model.parameters().initialise(stream, 7);
  optimizer.take_masters(stream, model.parameters());
  parallel.spread(stream);
  const auto sent_bytes = [&] {
    return static_cast<double>(mesh.replicas().traffic().bytes + mesh.expert_replicas().traffic().bytes);
  };
  const double sent_before = sent_bytes();
  const std::int64_t layers = config.n_layers(), k = 2;
  for (std::int64_t step = 0; step < n_steps; ++step) {
    model.parameters().zero_gradients(stream);
    model.begin_step();
    const comm::Piece share = parallel.share_of(n_rows);
    const std::int64_t passes = parallel.n_passes(n_rows, how.rows_at_once);
    for (std::int64_t pass = 0; pass < passes; ++pass) {
      const std::int64_t begin = share.begin + std::min(share.count, pass * how.rows_at_once);
      const std::int64_t end = std::min(share.begin + share.count, begin + how.rows_at_once);
      Rows rows;
      for (std::int64_t row = begin; row < end; ++row) rows.add(step, row, config.vocab);
      nn::Batch batch = rows.view();
      const std::int64_t n = batch.n_tokens();
      rows.chosen.resize(static_cast<std::size_t>(layers * n * k), -1);
      const auto of = [&](std::vector<std::int32_t>& all, std::int64_t layer, std::int64_t row) {
        return all.begin() + (layer * n + (row - begin) * row_tokens) * k;
      };
      if (config.has_moe()) batch.chosen_experts = Tensor(rows.chosen.data(), {layers, n, k});
      if (config.has_moe() && how.given != nullptr) {
        rows.choices.resize(rows.chosen.size());
        for (std::int64_t row = begin; row < end; ++row) {
          for (std::int64_t layer = 0; layer < layers; ++layer) {
            const auto& all = how.given->at({step, row});
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
    model.finish_step(stream);
    // A gradient that is whole still is broken before it is added up, another one after.
    const Tensor whole = model.parameters().all()[3].gradient;
    const bool broken = step + 1 == n_steps && mesh.rank() == how.broken;
    if (broken && whole) whole.as<float>()[1] = NAN;
    parallel.reduce(stream);
    if (broken && !whole) break_own_gradient(model.parameters());
    optimizer.measure(stream, model.parameters());
    parallel.add(stream, optimizer.squares());
    detector.judge(stream, model.ledger().head.rows(3, 1), optimizer.squares(), 1e-3);
    nn::update_selection_bias(stream, model.parameters(), model.ledger().counts, 1e-3f, detector.control());
    optimizer.step(stream, model.parameters(), detector.control());
    parallel.spread(stream);
    if (mesh.rank() == 0) {
      run.rounds = std::max(run.rounds, model.result_of(model.ledger().all).expert_rounds);
      run.losses.push_back(detector.report().as<double>()[kernels::StepReport::loss]);
      run.norms.push_back(detector.report().as<double>()[kernels::StepReport::gradient_norm]);
    }
  }
  const std::lock_guard lock(mutex);
  run.sent_bytes += sent_bytes() - sent_before;
  run.verdicts.push_back(static_cast<kernels::StepVerdict>(
      static_cast<int>(detector.report().as<double>()[kernels::StepReport::verdict])));
  for (const optim::StateTensor& owned : optimizer.owned_parameters(model.parameters())) add_owned(owned, run);
  for (const optim::StateTensor& owned : optimizer.owned_state()) add_owned(owned, run);
}

Run train_on(const comm::MeshShape& asked, int n_ranks, const nn::ModelConfig& config, const How& how) {
  Run run;
  std::mutex mutex;
  if (n_ranks == 1) {
    train_rank(comm::Mesh(), config, how, run, mutex);
    return run;
  }
  comm::with_thread_ranks(n_ranks, [&](std::unique_ptr<comm::Communicator> world) {
    const comm::Mesh mesh(std::move(world), asked.for_ranks(n_ranks));
    train_rank(mesh, config, how, run, mutex);
  });
  return run;
}

double worst(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double difference = std::abs(a[i] - b[i]) / std::abs(b[i]);
    if (!std::isnan(worst) && !(difference <= worst)) worst = difference;
  }
  return worst;
}

// Of each tensor the largest difference beside its largest value.
double worst(const std::map<std::string, std::vector<float>>& a, const std::map<std::string, std::vector<float>>& b) {
  double worst = 0;
  for (const auto& [name, values] : b) {
    const auto found = a.find(name);
    if (found == a.end() || found->second.size() != values.size()) return INFINITY;
    double difference = 0, largest = 1e-12;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(found->second[i])) return INFINITY;
      difference = std::max(difference, static_cast<double>(std::abs(found->second[i] - values[i])));
      largest = std::max(largest, static_cast<double>(std::abs(values[i])));
    }
    worst = std::max(worst, difference / largest);
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
void check_table(const std::vector<Case>& table, bool moe, bool muon, nn::ContextBy by = nn::ContextBy::heads,
                 bool lone = false) {
  const nn::ModelConfig config = small(moe, lone);
  const Run one = train_on({}, 1, config, {.muon = muon});
  REQUIRE(one.losses.size() == n_steps);
  REQUIRE(one.losses.back() < one.losses.front());
  std::int64_t n_flips = 0;
  for (const Case& each : table) {
    const How how{.muon = muon, .context_by = by};
    How replayed = how;
    replayed.given = moe ? &one.choices : nullptr;
    const Run run = train_on(each.shape, each.n_ranks, config, replayed);
    INFO(each.shape.for_ranks(each.n_ranks).text() << (moe ? ", mixture" : ", dense") << (muon ? ", muon" : ", adamw"));
    CHECK(worst(run.losses, one.losses) < 1e-5);
    CHECK(worst(run.norms, one.norms) < 1e-3);
    CHECK(run.wholes.size() == one.wholes.size());
    CHECK(worst(run.wholes, one.wholes) < 1e-3);
    CHECK(run.n_twice == 0);
    const Run again = train_on(each.shape, each.n_ranks, config, how);
    if (!moe) {
      CHECK(again.losses == run.losses);
      CHECK(again.wholes == run.wholes);
      continue;
    }
    n_flips += flips(again.choices, one.choices);
    const Run third = train_on(each.shape, each.n_ranks, config, how);
    CHECK(third.losses == again.losses);
    CHECK(third.wholes == again.wholes);
  }
  if (moe)
    WARN(n_flips << " choices of experts fell otherwise where routing was free, over " << table.size() << " meshes of "
                 << n_steps << " steps");
}

const std::vector<Case> few{{2, {}},
                            {2, {.pipeline = 2}},
                            {4, {.tensor = 2}},
                            {4, {.pipeline = 2, .context = 2}},
                            {8, {.pipeline = 2, .context = 2, .tensor = 2}}};

}  // namespace

TEST_CASE("dense models train on meshes of 2 and 4 ranks as on one") {
  check_table({{2, {}},
               {2, {.tensor = 2}},
               {2, {.pipeline = 2}},
               {2, {.context = 2}},
               {4, {}},
               {4, {.tensor = 2}},
               {4, {.tensor = 4}},
               {4, {.pipeline = 2}},
               {4, {.pipeline = 4}},
               {4, {.context = 2}},
               {4, {.context = 4}},
               {4, {.pipeline = 2, .tensor = 2}},
               {4, {.context = 2, .tensor = 2}},
               {4, {.pipeline = 2, .context = 2}}},
              false, true);
}

TEST_CASE("dense models train on meshes of 8 ranks as on one") {
  check_table({{8, {}},
               {8, {.tensor = 2}},
               {8, {.tensor = 4}},
               {8, {.pipeline = 2, .tensor = 2}},
               {8, {.context = 2, .tensor = 2}},
               {8, {.pipeline = 2, .context = 2}},
               {8, {.pipeline = 4, .tensor = 2}},
               {8, {.pipeline = 4, .context = 2}},
               {8, {.pipeline = 2, .tensor = 4}},
               {8, {.pipeline = 2, .context = 4}},
               {8, {.pipeline = 2, .context = 2, .tensor = 2}}},
              false, true);
}

TEST_CASE("dense models train on meshes by AdamW as on one rank") {
  check_table(few, false, false);
}

TEST_CASE("mixtures train on meshes of 2 and 4 ranks as on one, their routing replayed") {
  check_table({{2, {}},
               {2, {.tensor = 2}},
               {2, {.expert = 2}},
               {2, {.pipeline = 2}},
               {2, {.context = 2, .expert = 2}},
               {4, {.expert = 2}},
               {4, {.expert = 4}},
               {4, {.tensor = 2, .expert = 2}},
               {4, {.tensor = 4}},
               {4, {.context = 2, .expert = 2}},
               {4, {.context = 2, .expert = 4}},
               {4, {.pipeline = 2, .expert = 2}},
               {4, {.pipeline = 2, .tensor = 2}}},
              true, true);
}

TEST_CASE("mixtures train on meshes of 8 ranks as on one, their routing replayed") {
  check_table({{8, {.expert = 4}},
               {8, {.tensor = 2, .expert = 4}},
               {8, {.pipeline = 2, .tensor = 2, .expert = 2}},
               {8, {.context = 2, .tensor = 2, .expert = 4}},
               {8, {.pipeline = 2, .context = 2, .expert = 4}},
               {8, {.pipeline = 2, .context = 2, .tensor = 2, .expert = 2}},
               {8, {.pipeline = 4, .expert = 2}}},
              true, true);
}

TEST_CASE("mixtures train on meshes by AdamW as on one rank") {
  check_table({{4, {.tensor = 2, .expert = 2}}}, true, false);
}

TEST_CASE("dense models train by rings as on one rank") {
  check_table({{2, {.context = 2}},
               {3, {.context = 3}},
               {4, {.context = 2}},
               {4, {.context = 4}},
               {4, {.context = 2, .tensor = 2}},
               {4, {.pipeline = 2, .context = 2}},
               {6, {.pipeline = 2, .context = 3}},
               {8, {.context = 8}},
               {8, {.pipeline = 2, .context = 2, .tensor = 2}}},
              false, true, nn::ContextBy::ring);
}

TEST_CASE("dense models with one head for keys and values train by rings as on one rank") {
  check_table({{2, {.context = 2}}, {3, {.context = 3}}, {5, {.context = 5}}, {6, {.pipeline = 2, .context = 3}}},
              false, true, nn::ContextBy::either, true);
}

TEST_CASE("mixtures train by rings as on one rank, their routing replayed") {
  check_table({{2, {.context = 2, .expert = 2}},
               {3, {.context = 3}},
               {4, {.context = 2, .expert = 4}},
               {6, {.context = 3, .expert = 2}},
               {8, {.pipeline = 2, .context = 2, .tensor = 2, .expert = 2}},
               {8, {.pipeline = 2, .context = 4, .expert = 4}}},
              true, true, nn::ContextBy::ring);
  check_table({{3, {.context = 3}}, {4, {.context = 2, .expert = 2}}}, true, false, nn::ContextBy::either, true);
}

TEST_CASE("ranks recompute blocks together, and nothing changes") {
  const nn::ModelConfig config = small(true);
  const Run one = train_on({}, 1, config, {});
  const comm::MeshShape shape{.pipeline = 2, .context = 2, .tensor = 2, .expert = 2};
  const nn::ContextBy by = GENERATE(nn::ContextBy::heads, nn::ContextBy::ring);
  const Run kept = train_on(shape, 8, config, {.given = &one.choices, .context_by = by});
  const Run recomputed = train_on(shape, 8, config, {.given = &one.choices, .recompute = true, .context_by = by});
  CHECK(recomputed.losses == kept.losses);
  CHECK(recomputed.wholes == kept.wholes);
}

TEST_CASE("experts without room for all rows at once take them in rounds, and the losses stay") {
  const nn::ModelConfig config = small(true);
  const Run one = train_on({}, 1, config, {});
  const comm::MeshShape shape{.pipeline = 2, .tensor = 2, .expert = 2};
  CHECK(train_on(shape, 8, config, {.given = &one.choices, .headroom = 100}).rounds == 1);
  CHECK(one.rounds == 0);
  for (const double headroom : {1.0, 0.3}) {
    const Run run = train_on(shape, 8, config, {.given = &one.choices, .headroom = headroom});
    CHECK(run.rounds >= (headroom < 1 ? 4 : 2));
    CHECK(worst(run.losses, one.losses) < 1e-5);
    CHECK(worst(run.wholes, one.wholes) < 1e-3);
    const Run recomputed = train_on(shape, 8, config, {.given = &one.choices, .recompute = true, .headroom = headroom});
    CHECK(recomputed.losses == run.losses);
    CHECK(recomputed.wholes == run.wholes);
  }
  const auto bytes = [&](double headroom) {
    nn::ModelSettings settings;
    settings.max_tokens = 600;
    settings.parallel = nn::Parallel({.data = 8, .expert = 4}, {});
    settings.expert_headroom = headroom;
    return nn::plan_memory(config, DType::f32, settings).activations;
  };
  CHECK(bytes(1) < bytes(2));
  CHECK(bytes(100) == bytes(4));  // what can come at most
}

// Sharded gradients and parameters against one rank; against the same mesh that shards the optimiser's state alone, to
// the bit where a step is one pass; and against themselves.
void check_shards(const std::vector<Case>& table, bool moe, bool muon, bool tied = false) {
  nn::ModelConfig config = small(moe);
  config.tie_embeddings = tied;
  const Run one = train_on({}, 1, config, {.muon = muon});
  const Choices* given = moe ? &one.choices : nullptr;
  for (const Case& each : table) {
    const auto run_of = [&](nn::Shard shard, std::int64_t rows_at_once) {
      return train_on(each.shape, each.n_ranks, config,
                      {.muon = muon, .given = given, .shard = shard, .rows_at_once = rows_at_once});
    };
    const Run whole = run_of(nn::Shard::optimizer, n_rows);
    for (const nn::Shard shard : {nn::Shard::gradients, nn::Shard::parameters}) {
      INFO(each.shape.for_ranks(each.n_ranks).text()
           << ", sharded " << nn::name_of(shard) << (moe ? ", mixture" : ", dense") << (muon ? ", muon" : ", adamw"));
      const Run run = run_of(shard, 1);  // as many passes as there can be
      CHECK(worst(run.losses, one.losses) < 1e-5);
      CHECK(worst(run.norms, one.norms) < 1e-3);
      CHECK(run.wholes.size() == one.wholes.size());
      CHECK(worst(run.wholes, one.wholes) < 1e-3);
      CHECK(run.n_twice == 0);
      const Run again = run_of(shard, 1);
      CHECK(again.losses == run.losses);
      CHECK(again.wholes == run.wholes);
      const Run at_once = run_of(shard, n_rows);
      CHECK(at_once.losses == whole.losses);
      CHECK(at_once.norms == whole.norms);
      CHECK(at_once.wholes == whole.wholes);
    }
  }
}

TEST_CASE("dense models with sharded gradients and parameters train as on one rank") {
  check_shards({{2, {}},
                {3, {}},
                {4, {.tensor = 2}},
                {4, {.pipeline = 2}},
                {4, {.context = 2}},
                {8, {.pipeline = 2, .context = 2, .tensor = 2}}},
               false, true);
}

TEST_CASE("dense models with sharded gradients and parameters train by AdamW as on one rank") {
  check_shards({{4, {}}, {4, {.context = 2, .tensor = 2}}, {8, {.pipeline = 2, .tensor = 2}}}, false, false);
}

TEST_CASE("a tied embedding is sharded with its gradients and parameters") {
  check_shards({{2, {}}, {4, {.tensor = 2}}}, false, true, true);
}

TEST_CASE("mixtures with sharded gradients and parameters train as on one rank, their routing replayed") {
  check_shards({{2, {}},
                {2, {.expert = 2}},
                {4, {.expert = 2}},
                {8, {.tensor = 2, .expert = 2}},
                {8, {.pipeline = 2, .context = 2, .expert = 2}}},
               true, true);
  check_shards({{4, {.tensor = 2, .expert = 2}}, {4, {.expert = 2}}}, true, false);
}

TEST_CASE("ranks send what is planned to bring parameters together and add up gradients") {
  for (const bool tied : {false, true}) {
    nn::ModelConfig config = small(true);
    config.tie_embeddings = tied;
    for (const comm::MeshShape& asked : {comm::MeshShape{}, comm::MeshShape{.expert = 2}}) {
      const comm::MeshShape shape = asked.for_ranks(4);
      for (const nn::Shard shard : {nn::Shard::optimizer, nn::Shard::gradients, nn::Shard::parameters}) {
        INFO(shape.text() << ", sharded " << nn::name_of(shard) << (tied ? ", tied" : ""));
        const Run run = train_on(asked, 4, config, {.shard = shard, .rows_at_once = 1});
        const nn::Parallel parallel(shape, {});
        const nn::ParameterSet::Bytes bytes =
            nn::ParameterSet::plan(config, DType::f32, nn::Purpose::train, parallel, {shard, true});
        const double planned = nn::exchanged_bytes(bytes, shard, 2, parallel, tied);
        CHECK(run.sent_bytes / n_steps / 4 == Approx(planned).epsilon(0.02));
      }
    }
  }
}

TEST_CASE("blocks that are recomputed bring their sharded parameters together once more") {
  const nn::ModelConfig config = small(true);
  const comm::MeshShape shape{.context = 2, .expert = 2};
  const How how{.shard = nn::Shard::parameters};
  How recomputing = how;
  recomputing.recompute = true;
  const Run kept = train_on(shape, 4, config, how), recomputed = train_on(shape, 4, config, recomputing);
  CHECK(recomputed.losses == kept.losses);
  CHECK(recomputed.wholes == kept.wholes);
}

namespace {

// Of some tokens of what data rank d has; other data ranks have other batches, and longer ones.
std::vector<float> some_logits(const comm::Mesh& mesh, int d, const nn::ModelConfig& config, nn::Purpose purpose,
                               nn::ContextBy by, nn::Shard shard,
                               const std::vector<std::int64_t>& ids = {28, 0, 13, 14, 29}) {
  ThreadPool pool(1);
  Stream stream(pool);
  nn::ModelSettings settings;
  settings.purpose = purpose;
  settings.max_tokens = 3 * row_tokens;
  settings.logits_rows = static_cast<std::int64_t>(ids.size());
  settings.shard = {shard, true};
  settings.parallel = nn::Parallel(mesh);
  settings.parallel.context_by = by;
  nn::Model model(config, DType::f32, settings);
  model.parameters().initialise(stream, 7);
  model.units().spread(stream);
  Rows rows;
  for (std::int64_t row = 0; row <= d % 3; ++row) rows.add(d, row, config.vocab);
  const auto n = static_cast<std::int64_t>(ids.size());
  std::vector<float> logits(static_cast<std::size_t>(n * config.vocab), NAN);
  const std::size_t planned = model.plan().activations;
  model.logits(stream, rows.view(), ids, Tensor(logits.data(), {n, config.vocab}));
  if (model.activation_peak_bytes() > planned) throw Error(Kind::internal, "the plan of memory");
  return logits;
}

}  // namespace

TEST_CASE("logits on meshes are those of one rank, on every rank") {
  struct Mesh {
    int n_ranks;
    comm::MeshShape shape;
    nn::ContextBy by = nn::ContextBy::heads;
    nn::Shard shard = nn::Shard::optimizer;
  };
  const std::vector<Mesh> dense{{2, {}},
                                {2, {.tensor = 2}},
                                {4, {.tensor = 4}},
                                {3, {.pipeline = 3}},
                                {4, {.context = 2}},
                                {3, {.context = 3}, nn::ContextBy::ring},
                                {4, {.pipeline = 2, .tensor = 2}},
                                {4, {.tensor = 2}, nn::ContextBy::heads, nn::Shard::parameters},
                                {8, {.pipeline = 2, .context = 2, .tensor = 2}},
                                {8, {.pipeline = 2, .context = 2, .tensor = 2}, nn::ContextBy::ring}};
  const std::vector<Mesh> mixtures{{4, {.expert = 2}},
                                   {4, {.tensor = 2, .expert = 2}},
                                   {4, {.expert = 4}, nn::ContextBy::heads, nn::Shard::parameters},
                                   {8, {.pipeline = 2, .context = 2, .tensor = 2, .expert = 2}},
                                   {8, {.pipeline = 2, .context = 2, .expert = 4}, nn::ContextBy::ring}};
  for (const nn::Purpose purpose : {nn::Purpose::train, nn::Purpose::run}) {
    for (const bool moe : {false, true}) {
      const nn::ModelConfig config = small(moe);
      std::map<int, std::vector<float>> ones;
      for (int d = 0; d < 4; ++d)
        ones[d] = some_logits(comm::Mesh(), d, config, purpose, nn::ContextBy::either, nn::Shard::optimizer);
      for (const Mesh& each : moe ? mixtures : dense) {
        double worst = 0;
        std::mutex mutex;
        comm::with_thread_ranks(each.n_ranks, [&](std::unique_ptr<comm::Communicator> world) {
          const comm::Mesh mesh(std::move(world), each.shape.for_ranks(each.n_ranks));
          const int d = mesh.coordinates().data;
          const std::vector<float> logits = some_logits(mesh, d, config, purpose, each.by, each.shard);
          const std::lock_guard lock(mutex);
          for (std::size_t i = 0; i < logits.size(); ++i) {
            const double difference = std::abs(static_cast<double>(logits[i]) - ones.at(d)[i]);
            if (!std::isnan(worst) && !(difference <= worst)) worst = difference;
          }
        });
        INFO(each.shape.for_ranks(each.n_ranks).text() << ", sharded " << nn::name_of(each.shard));
        CHECK(worst < 1e-5);
      }
    }
  }
}

TEST_CASE("logits of more rows than are brought together at once are those of one rank") {
  nn::ModelConfig config = small(false);
  config.vocab = 131075;  // of which 64 rows are: no number of ranks here has equal parts
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < 67; ++i) ids.push_back(i * 11 % row_tokens);
  const auto logits_on = [&](const comm::Mesh& mesh, nn::ContextBy by) {
    return some_logits(mesh, 0, config, nn::Purpose::run, by, nn::Shard::optimizer, ids);
  };
  const std::vector<float> one = logits_on(comm::Mesh(), nn::ContextBy::either);
  const auto check = [&](int n_ranks, const comm::MeshShape& shape, nn::ContextBy by = nn::ContextBy::heads) {
    INFO(shape.for_ranks(n_ranks).text());
    double worst = 0;
    std::mutex mutex;
    comm::with_thread_ranks(n_ranks, [&](std::unique_ptr<comm::Communicator> world) {
      const std::vector<float> logits = logits_on(comm::Mesh(std::move(world), shape.for_ranks(n_ranks)), by);
      const std::lock_guard lock(mutex);
      for (std::size_t i = 0; i < logits.size(); ++i) {
        const double difference = std::abs(static_cast<double>(logits[i]) - one[i]);
        if (!std::isnan(worst) && !(difference <= worst)) worst = difference;
      }
    });
    CHECK(worst < 1e-5);
  };
  check(2, {.tensor = 2});
  check(2, {.context = 2});
  check(3, {.context = 3}, nn::ContextBy::ring);
  check(4, {.context = 2, .tensor = 2}, nn::ContextBy::ring);
}

TEST_CASE("logits take no more memory than training does, on any mesh") {
  nn::ModelConfig config = small(false);
  config.vocab = 131075;
  const auto planned = [&](int n_ranks, const comm::MeshShape& shape, std::int64_t rows) {
    nn::ModelSettings settings;
    settings.max_tokens = 1024;
    settings.logits_rows = rows;
    settings.parallel = nn::Parallel(shape.for_ranks(n_ranks), {});
    return static_cast<double>(nn::plan_memory(config, DType::f32, settings).activations);
  };
  for (const auto& [n_ranks, shape] : {std::pair(1, comm::MeshShape{}), std::pair(4, comm::MeshShape{.tensor = 4}),
                                       std::pair(4, comm::MeshShape{.context = 4})}) {
    INFO(shape.for_ranks(n_ranks).text());
    CHECK(planned(n_ranks, shape, 1024) == planned(n_ranks, shape, 0));  // the passes that train take more
  }
}

TEST_CASE("a gradient that is not finite on one rank lets all skip the step") {
  const nn::ModelConfig config = small(true);
  const comm::MeshShape shape{.pipeline = 2, .tensor = 2, .expert = 2};
  for (const auto& [broken, shard] : std::vector<std::pair<int, nn::Shard>>{{0, nn::Shard::optimizer},
                                                                            {3, nn::Shard::optimizer},
                                                                            {6, nn::Shard::optimizer},
                                                                            {3, nn::Shard::gradients},
                                                                            {6, nn::Shard::parameters}}) {
    const Run run = train_on(shape, 8, config, {.broken = broken, .shard = shard});
    CHECK(run.verdicts == std::vector<kernels::StepVerdict>(8, kernels::StepVerdict::gradient_not_finite));
    CHECK(std::isfinite(worst(run.wholes, run.wholes)));
  }
}

TEST_CASE("what of a model a mesh cannot divide is named") {
  const auto message = [](const nn::ModelConfig& config, const comm::MeshShape& shape) {
    try {
      nn::check_parallel(config, shape);
    } catch (const Error& error) {
      CHECK(error.kind() == Kind::config);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const auto says = [](const char* text) { return Catch::Contains(text); };
  nn::ModelConfig dense = small(false);
  CHECK(message(small(true), {.data = 2, .tensor = 2, .expert = 2}) == "accepted");
  CHECK_THAT(message(dense, {.tensor = 3}), says("--tp 3 does not divide the 4 heads of block 'full'"));
  CHECK(message(dense, {.context = 3, .tensor = 2}) == "accepted");
  CHECK_THAT(message(small(true), {.data = 3, .expert = 3}), says("--ep 3 does not divide the 8 experts"));
  CHECK_THAT(message(dense, {.data = 2, .expert = 2}), says("no experts to spread"));
  CHECK_THAT(message(dense, {.pipeline = 6}), says("--pp 6 is more stages than the 5 layers"));
  dense.tie_embeddings = true;
  CHECK_THAT(message(dense, {.pipeline = 2}), says("tie_embeddings"));
  CHECK(message(dense, {.tensor = 2}) == "accepted");
}
