// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/model.h"

#include <algorithm>
#include <bit>

#include "kernels/step.h"
#include "lib/base/text.h"
#include "lib/nn/network.h"

namespace hearth::nn {
namespace {
// Everything of a pass but what differs between planning and running.
Pass make_pass(Arena& arena, Staging& staging, const ModelConfig& config, DType dtype, const Parallel& parallel,
               const Batch& batch) {
  return {.arena = arena,
          .staging = staging,
          .parallel = parallel,
          .batch = batch,
          .host_batch = batch,
          .tokens = batch.n_tokens(),
          .own = parallel.of_tensor(batch.n_tokens()),
          .hidden = config.hidden,
          .dtype = dtype,
          .epsilon = static_cast<float>(config.epsilon)};
}

// What a full microbatch looks like to a pass that measures: one document a token.
Batch largest_batch(std::int64_t tokens) {
  Batch batch;
  batch.ids = batch.positions = batch.targets = Tensor(nullptr, DType::i32, {tokens});
  batch.cu_seqlens = Tensor(nullptr, DType::i32, {tokens + 1});
  batch.token_weight = Tensor(nullptr, DType::f32, {tokens});
  return batch;
}

// The peak of every kind of call on a full microbatch.
std::size_t activation_bytes(const ModelConfig& config, DType dtype, const ModelSettings& settings,
                             std::int64_t recomputed_blocks) {
  Arena arena;
  Staging staging(settings.device);
  Network network(config, nullptr, settings.parallel);
  Ledger::allocate(config, arena);
  const Feed feed(settings.device, settings.max_tokens, settings.in_flight, arena);
  network.place_constants(nullptr, staging, arena);
  Pass pass = make_pass(arena, staging, config, dtype, settings.parallel, largest_batch(settings.max_tokens));
  pass.most_tokens = settings.max_tokens;
  if (settings.purpose == Purpose::train) network.forward_backward(pass, {}, recomputed_blocks);
  network.log_probs(pass, Tensor(nullptr, DType::f32, {settings.max_tokens}));
  network.logits(pass, Tensor(nullptr, DType::i32, {settings.max_tokens}), {});
  return arena.peak_bytes();
}

void check_settings(const ModelSettings& settings) {
  if (settings.max_tokens < 1) {
    throw Error(Kind::config, "a microbatch of " + std::to_string(settings.max_tokens) + " tokens; it needs at least 1");
  }
}
}  // namespace

MemoryPlan plan_memory(const ModelConfig& config, DType dtype, const ModelSettings& settings) {
  check_config(config);
  check_settings(settings);
  check_parallel(config, settings.parallel.shape);
  const ParameterSet::Bytes parameters = ParameterSet::plan(config, dtype, settings.purpose, settings.parallel);
  MemoryPlan plan;
  plan.weights = parameters.weights;
  plan.masters = parameters.masters;
  plan.gradients = parameters.gradients;
  const std::size_t budget = settings.activation_bytes;
  const std::int64_t most = settings.purpose == Purpose::train ? config.n_layers() : 0;
  for (std::int64_t recomputed = 0; recomputed <= most; ++recomputed) {
    plan.activations = activation_bytes(config, dtype, settings, recomputed);
    plan.recomputed_blocks = recomputed;
    if (budget == 0 || plan.activations <= budget) return plan;
  }
  throw Error(Kind::config, "a microbatch of " + std::to_string(settings.max_tokens) + " tokens needs " +
                                human_bytes(static_cast<double>(plan.activations)) + " of activations even with every " +
                                "block recomputed, more than the " + human_bytes(static_cast<double>(budget)) +
                                " allowed: take fewer tokens a microbatch or allow more memory");
}

// A pass of one shape: run, then recorded, then repeated.
struct Model::Recorded {
  Replay pass;
};

Model::Model(const ModelConfig& config, DType dtype, const ModelSettings& settings)
    : config_(config),
      settings_(settings),
      plan_(plan_memory(config, dtype, settings)),
      parameters_(config, dtype, settings.purpose, settings.device, settings.parallel),
      network_(std::make_unique<Network>(config_, &parameters_, settings_.parallel)),
      arena_(plan_.activations, settings.device),
      staging_(settings.device),
      ledger_(Ledger::allocate(config_, arena_)),
      feed_(settings.device, settings.max_tokens, settings.in_flight, arena_) {
  counts_ = counts_of(ledger_.all);
}

Model::~Model() = default;

Pass Model::pass_over(Stream& stream, const Batch& batch, double normaliser) {
  if (batch.n_tokens() > settings_.max_tokens) {
    throw Error(Kind::config, "a microbatch of " + std::to_string(batch.n_tokens()) + " tokens; this model was made for " +
                                  std::to_string(settings_.max_tokens));
  }
  HEARTH_CHECK(stream.device().kind() == settings_.device.kind(), "the model lies on another device than the stream");
  HEARTH_CHECK(stream.is_host() || !batch.embeddings, "embeddings of one's own are for the host");
  if (!stream.is_host()) check_ids(batch);
  if (!constants_are_placed_) network_->place_constants(&stream, staging_, arena_);
  constants_are_placed_ = true;
  Pass pass = make_pass(arena_, staging_, config_, parameters_.dtype(), settings_.parallel, batch);
  const Feed::Placed placed =
      feed_.place(stream, batch, {normaliser, settings_.balance_coefficient, settings_.router_z_coefficient});
  pass.most_tokens = settings_.max_tokens;
  pass.stream = &stream;
  pass.batch = placed.batch;
  pass.scalars = placed.scalars;
  pass.balance_coefficient = settings_.balance_coefficient;
  return pass;
}

// What kernels::embedding and kernels::head check of a batch on the host.
void Model::check_ids(const Batch& batch) const {
  for (const Tensor* each : {&batch.ids, &batch.targets}) {
    for (const std::int32_t id : each->span<std::int32_t>()) {
      if (id < config_.vocab && (id >= 0 || each == &batch.targets)) continue;
      throw Error(Kind::data, "token id " + std::to_string(id) + " lies outside the vocabulary of " +
                                  std::to_string(config_.vocab) +
                                  "; was the data encoded with this model's tokenizer?");
    }
  }
}

std::optional<double> Model::run(Stream& stream, const Batch& batch, const Objective& objective) {
  HEARTH_CHECK(settings_.purpose == Purpose::train, "a model made to run has no gradients");
  if (ledger_is_stale_) stream.zero(ledger_.all);
  ledger_is_stale_ = false;
  Pass pass = pass_over(stream, batch, objective.normaliser);
  pass.ledger = &ledger_;
  std::optional<double> loss;
  const auto body = [&] { loss = network_->forward_backward(pass, objective, plan_.recomputed_blocks); };
  if (stream.is_host() || !settings_.graphs || objective.evaluate) {
    body();
    return loss;
  }
  std::unique_ptr<Recorded>& recorded =
      recorded_[{pass.tokens, pass.batch.cu_seqlens.n_elements(), std::bit_cast<std::int32_t>(objective.z_loss)}];
  if (!recorded) recorded = std::make_unique<Recorded>();
  recorded->pass.run(stream, body);
  return loss;
}

void Model::add(Stream& stream, const Batch& batch, const Objective& objective) {
  HEARTH_CHECK(!objective.evaluate, "an objective that evaluates must be waited for");
  run(stream, batch, objective);
}

StepResult Model::forward_backward(Stream& stream, const Batch& batch, const Objective& objective) {
  if (!ledger_is_stale_) {
    for (const Tensor& each : {ledger_.head, ledger_.balance, ledger_.router_z}) stream.zero(each);
  }
  const std::optional<double> loss = run(stream, batch, objective);
  const Tensor copy = staging_.fetch(stream, ledger_.all);
  stream.wait();
  StepResult result = result_of(copy);
  if (loss) result.loss = *loss;
  counts_ = counts_of(copy);
  staging_.reset();
  return result;
}

StepResult Model::result_of(const Tensor& copy_of_ledger) const {
  const Ledger ledger = ledger_.in(copy_of_ledger);
  const auto* head = ledger.head.as<double>();
  return {.loss = head[0],
          .balance_loss = *ledger.balance.as<double>(),
          .router_z_loss = *ledger.router_z.as<double>(),
          .weighted_tokens = head[1],
          .negative_log_prob = head[2],
          .mean_negative_log_prob = head[3]};
}

ExpertCounts Model::counts_of(const Tensor& copy_of_ledger) const {
  ExpertCounts counts;
  for (const Tensor& each : ledger_.in(copy_of_ledger).counts) {
    if (!each) {
      counts.emplace_back();
      continue;
    }
    const auto values = each.span<std::int64_t>();
    counts.emplace_back(values.begin(), values.end());
  }
  return counts;
}

std::size_t Model::n_graphs() const {
  return static_cast<std::size_t>(
      std::count_if(recorded_.begin(), recorded_.end(), [](const auto& each) { return each.second->pass.recorded(); }));
}

void Model::log_probs(Stream& stream, const Batch& batch, Tensor log_prob) {
  network_->log_probs(pass_over(stream, batch, 1), log_prob);
}

void Model::logits(Stream& stream, const Batch& batch, const std::vector<std::int64_t>& rows, Tensor logits) {
  HEARTH_CHECK(static_cast<std::int64_t>(rows.size()) <= batch.n_tokens(), "more rows of logits than tokens");
  const std::vector<std::int32_t> ids(rows.begin(), rows.end());
  network_->logits(pass_over(stream, batch, 1), Tensor(ids.data(), {static_cast<std::int64_t>(ids.size())}), logits);
  staging_.reset();  // they were waited for
}

void update_selection_bias(Stream& stream, ParameterSet& parameters, const std::vector<Tensor>& counts, float gamma,
                           const Tensor& control) {
  for (Parameter& parameter : parameters.all()) {
    if (parameter.spec.role != Role::selection_bias) continue;
    const auto layer = static_cast<std::size_t>(std::stoll(parameter.spec.name.substr(7)));  // after "layers."
    kernels::move_selection_bias(
        stream, {.counts = counts.at(layer), .bias = parameter.master, .control = control, .gamma = gamma});
  }
}

}  // namespace hearth::nn
