// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/model.h"

#include "lib/base/text.h"
#include "lib/nn/network.h"

namespace hearth::nn {
namespace {
// Everything of a pass but what differs between planning and running.
Pass make_pass(Arena& arena, Staging& staging, Readings& readings, const ModelConfig& config, DType dtype,
               const Batch& batch) {
  return {.arena = arena,
          .staging = staging,
          .readings = readings,
          .batch = batch,
          .host_batch = batch,
          .tokens = batch.n_tokens(),
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
  Readings readings(staging);
  const Pass pass = make_pass(arena, staging, readings, config, dtype, largest_batch(settings.max_tokens));
  const Network network(config, nullptr);
  if (settings.purpose == Purpose::train) {
    ExpertCounts counts;
    network.forward_backward(pass, {}, recomputed_blocks, counts);
  }
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
  const ParameterSet::Bytes parameters = ParameterSet::plan(config, dtype, settings.purpose);
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

Model::Model(const ModelConfig& config, DType dtype, const ModelSettings& settings)
    : config_(config), settings_(settings), plan_(plan_memory(config, dtype, settings)),
      parameters_(config, dtype, settings.purpose, settings.device), network_(std::make_unique<Network>(config_, &parameters_)),
      arena_(plan_.activations, settings.device), staging_(settings.device) {
  reset_expert_counts();
}

Model::~Model() = default;

Pass Model::pass_over(Stream& stream, const Batch& batch) {
  if (batch.n_tokens() > settings_.max_tokens) {
    throw Error(Kind::config, "a microbatch of " + std::to_string(batch.n_tokens()) + " tokens; this model was made for " +
                                  std::to_string(settings_.max_tokens));
  }
  HEARTH_CHECK(stream.device().kind() == settings_.device.kind(), "the model lies on another device than the stream");
  if (!stream.is_host()) check_ids(batch);
  readings_.restart(stream);
  Pass pass = make_pass(arena_, staging_, readings_, config_, parameters_.dtype(), batch);
  pass.stream = &stream;
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

StepResult Model::forward_backward(Stream& stream, const Batch& batch, const Objective& objective) {
  HEARTH_CHECK(settings_.purpose == Purpose::train, "this model was made to run, not to train");
  Pass pass = pass_over(stream, batch);
  pass.balance_coefficient = settings_.balance_coefficient / static_cast<float>(objective.normaliser);
  pass.router_z_coefficient = settings_.router_z_coefficient / static_cast<float>(objective.normaliser);
  return network_->forward_backward(pass, objective, plan_.recomputed_blocks, counts_);
}

void Model::log_probs(Stream& stream, const Batch& batch, Tensor log_prob) {
  network_->log_probs(pass_over(stream, batch), log_prob);
}

void Model::logits(Stream& stream, const Batch& batch, const std::vector<std::int64_t>& rows, Tensor logits) {
  HEARTH_CHECK(static_cast<std::int64_t>(rows.size()) <= batch.n_tokens(), "more rows of logits than tokens");
  const std::vector<std::int32_t> ids(rows.begin(), rows.end());
  network_->logits(pass_over(stream, batch), Tensor(ids.data(), {static_cast<std::int64_t>(ids.size())}), logits);
}

void Model::reset_expert_counts() {
  counts_.assign(static_cast<std::size_t>(config_.n_layers()), {});
  for (std::int64_t layer = 0; layer < config_.n_layers(); ++layer) {
    const auto& moe = config_.block(layer).feed_forward.moe;
    if (moe) counts_[static_cast<std::size_t>(layer)].assign(static_cast<std::size_t>(moe->experts), 0);
  }
}

void update_selection_bias(Stream& stream, ParameterSet& parameters, const ExpertCounts& counts, float gamma) {
  for (Parameter& parameter : parameters.all()) {
    if (parameter.spec.role != Role::selection_bias) continue;
    const auto layer = static_cast<std::size_t>(std::stoll(parameter.spec.name.substr(7)));  // after "layers."
    const std::vector<std::int64_t>& received = counts.at(layer);
    std::vector<float> bias = host_copy<float>(stream, parameter.master);
    HEARTH_CHECK(received.size() == bias.size(), "expert counts do not fit " + parameter.spec.name);
    double total = 0;
    for (const std::int64_t count : received) total += static_cast<double>(count);
    const double mean = total / static_cast<double>(received.size());
    const auto sign = [&](std::int64_t count) {
      const double missing = mean - static_cast<double>(count);
      return missing > 0 ? 1.0f : missing < 0 ? -1.0f : 0.0f;
    };
    float mean_sign = 0;
    for (const std::int64_t count : received) mean_sign += sign(count);
    mean_sign /= static_cast<float>(received.size());
    for (std::size_t expert = 0; expert < bias.size(); ++expert) {
      bias[expert] += gamma * (sign(received[expert]) - mean_sign);
    }
    stream.copy(Tensor(bias.data(), parameter.master.shape), parameter.master);
    stream.wait();
  }
}

}  // namespace hearth::nn
