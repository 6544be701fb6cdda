// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/model.h"

#include <algorithm>
#include <bit>

#include "kernels/scratch.h"
#include "kernels/step.h"
#include "lib/base/text.h"
#include "lib/comm/activity.h"
#include "lib/nn/context_runs.h"
#include "lib/nn/expert_exchange.h"
#include "lib/nn/network.h"

namespace hearth::nn {
namespace {
// Everything of a pass but what differs between planning and running.
Pass make_pass(Arena& arena, Staging& staging, const ModelConfig& config, DType dtype, const Parallel& parallel,
               const Batch& batch) {
  const std::int64_t tokens = parallel.of_context(batch.n_tokens());
  const bool ring = goes_round(config, parallel);
  return {.arena = arena,
          .staging = staging,
          .parallel = parallel,
          .batch = batch,
          .host_batch = batch,
          .tokens = tokens,
          .batch_tokens = batch.n_tokens(),
          .ring = ring,
          .runs = runs_of(batch.n_tokens(), parallel.at.context, parallel.shape.context, ring),
          .own = parallel.of_tensor(tokens),
          .hidden = config.hidden,
          .dtype = dtype,
          .epsilon = static_cast<float>(config.epsilon)};
}

// Of a batch what this context rank takes; the documents are those of the whole. Two runs are brought together in
// memory from the arena.
Batch own_part(const Pass& pass, Batch batch) {
  if (!pass.parallel.cuts_context()) return batch;
  HEARTH_CHECK(!pass.ring || !batch.embeddings, "embeddings of one's own do not go round");
  for (Tensor* each : {&batch.ids, &batch.positions, &batch.targets, &batch.token_weight, &batch.embeddings}) {
    if (each->shape.rank() == 0) continue;
    if (!pass.ring) {
      *each = each->rows(pass.runs[0].begin, pass.tokens);
      continue;
    }
    Shape shape = each->shape.rank() == 1 ? Shape{pass.tokens} : Shape{pass.tokens, each->shape[1]};
    const Tensor own = pass.arena.allocate(each->dtype, shape);
    take_own(pass, *each, own);
    *each = own;
  }
  return batch;
}

// What a full microbatch looks like to a pass that measures: one document a token.
Batch largest_batch(std::int64_t tokens) {
  Batch batch;
  batch.ids = batch.positions = batch.targets = Tensor(nullptr, DType::i32, {tokens});
  batch.cu_seqlens = Tensor(nullptr, DType::i32, {tokens + 1});
  batch.token_weight = Tensor(nullptr, DType::f32, {tokens});
  return batch;
}

// Of the ranks that work of the device may wait for; none on the host, or alone.
comm::Activity* activity_for(const Stream& stream, const Parallel& parallel) {
  return stream.is_host() || parallel.mesh == nullptr ? nullptr : parallel.mesh->world().activity();
}

// log_prob [batch tokens], all of it on every context rank of the last stage.
void log_probs_of_batch(const Network& network, const Pass& pass, const Tensor& log_prob) {
  Arena::Scope scope(pass.arena);
  const Tensor all = pass.result_for(log_prob);
  const Tensor own = pass.parallel.cuts_context() ? pass.floats({pass.tokens}) : all;
  network.log_probs(pass, own);
  if (!pass.parallel.last_stage()) return;
  if (pass.parallel.cuts_context()) gather_batch(pass, own, all);
  if (!pass.measures())
    comm::wait_for_device(activity_for(pass.on(), pass.parallel), [&] { pass.deliver(all, log_prob); });
}

// Microbatches between forward and backward on this rank's stage.
std::int64_t n_under_way(const Parallel& parallel) {
  return parallel.shape.pipeline - parallel.at.pipeline;
}

Feed make_feed(const ModelSettings& settings, Arena& arena) {
  const std::int64_t n_places = settings.purpose == Purpose::train ? n_under_way(settings.parallel) : 1;
  return {settings.device, settings.max_tokens, settings.in_flight, n_places, arena};
}

// What a stage behind the first has for the most tokens of a microbatch.
Tensor allocate_received(const ModelConfig& config, DType dtype, const ModelSettings& settings, Arena& arena) {
  const Parallel& parallel = settings.parallel;
  if (parallel.first_stage()) return {};
  const std::int64_t tokens = comm::piece_of(settings.max_tokens, 0, parallel.shape.context).count;
  return arena.allocate(dtype, {comm::piece_of(tokens, 0, parallel.shape.tensor).count, config.hidden});
}

// What a rank holds of activations. Of microbatches between forward and backward each has `kept` bytes of its own; what
// else a pass takes is there once, as one pass runs at a time.
struct Activations {
  std::size_t permanent = 0, once = 0, kept = 0;
  std::size_t total(std::int64_t under_way) const {
    return permanent + once + static_cast<std::size_t>(under_way) * kept;
  }
};

// The peak of every kind of call on a full microbatch.
Activations measure_activations(const ModelConfig& config, DType dtype, const ModelSettings& settings,
                                std::int64_t recomputed_blocks) {
  // The first rank of a stage has the largest parts: all plan, and so recompute, as it does.
  comm::Coordinates at;
  at.pipeline = settings.parallel.at.pipeline;
  Parallel parallel(settings.parallel.shape, at);
  parallel.context_by = settings.parallel.context_by;
  Arena arena;
  Staging staging(settings.device);
  Network network(config, nullptr, parallel);
  Ledger::allocate(config, arena);
  const Feed feed = make_feed(settings, arena);
  allocate_received(config, dtype, settings, arena);
  network.allocate_constants(settings.device, arena);
  Activations bytes{.permanent = arena.used_bytes()};
  const auto with_pass = [&](Arena& in, const auto& body) {
    Pass pass = make_pass(in, staging, config, dtype, parallel, largest_batch(settings.max_tokens));
    pass.most_tokens = comm::piece_of(settings.max_tokens, 0, parallel.shape.context).count;
    pass.expert_headroom = settings.expert_headroom;
    pass.batch = own_part(pass, pass.batch);
    body(pass);
  };
  const bool trains = settings.purpose == Purpose::train;
  const auto score = [&](const Pass& pass) {
    log_probs_of_batch(network, pass, Tensor(nullptr, DType::f32, {pass.batch_tokens}));
    if (settings.logits_rows > 0) network.logits(pass, Tensor(nullptr, DType::i32, {settings.logits_rows}), {});
  };
  if (!trains || !parallel.is_staged()) {
    with_pass(arena, [&](const Pass& pass) {
      if (trains) network.forward_backward(pass, {}, recomputed_blocks);
      score(pass);
    });
    bytes.once = arena.peak_bytes() - bytes.permanent;
    return bytes;
  }
  Network::Flight flight;
  Arena whole;
  with_pass(whole, [&](const Pass& pass) { network.forward(pass, recomputed_blocks, flight); });
  bytes.kept = whole.used_bytes();
  Arena parts(bytes.kept, nullptr);
  with_pass(parts, [&](const Pass& pass) {
    network.forward(pass, recomputed_blocks, flight);
    network.backward(pass, {}, flight);
  });
  parts.release_to(0);
  with_pass(parts, score);
  bytes.once = parts.peak_bytes() - std::min(parts.peak_bytes(), bytes.kept);
  return bytes;
}

// All but what each microbatch under way has of its own.
std::size_t shared_bytes(const ModelConfig& config, DType dtype, const ModelSettings& settings,
                         const MemoryPlan& plan) {
  return measure_activations(config, dtype, settings, plan.recomputed_blocks).total(0);
}

// Of experts that are spread over ranks.
std::int64_t room_for_rows(const Moe& moe, const ModelSettings& settings) {
  const Parallel& parallel = settings.parallel;
  if (!parallel.spreads_experts()) return 0;
  const std::int64_t most_tokens = comm::piece_of(settings.max_tokens, 0, parallel.shape.context).count;
  return ExpertExchange(moe, parallel).room(most_tokens, settings.expert_headroom);
}

// What kernels take for themselves in passes and steps of the optimiser.
std::size_t scratch_bytes(const ModelConfig& config, DType dtype, const ModelSettings& settings) {
  kernels::ScratchNeeds needs{.dtype = dtype, .tokens = settings.max_tokens, .hidden = config.hidden};
  needs.kernels = settings.gpu_kernels;
  for (const ParameterSpec& spec : parameters_of(config)) {
    needs.widest = std::max(needs.widest, spec.shape[-1]);
    needs.largest = std::max(needs.largest, spec.shape.n_elements());
  }
  for (const auto& [name, block] : config.blocks) {
    needs.q_heads = std::max<std::int64_t>(needs.q_heads, block.attention.heads);
    needs.head_dim = std::max<std::int64_t>(needs.head_dim, block.attention.head_dim);
    if (const auto& moe = block.feed_forward.moe) {
      needs.experts = std::max<std::int64_t>(needs.experts, moe->experts);
      needs.expert_rows = std::max({needs.expert_rows, settings.max_tokens * moe->k, room_for_rows(*moe, settings)});
      needs.expert_ffn = std::max<std::int64_t>(needs.expert_ffn, moe->ffn);
    }
  }
  return kernels::scratch_bytes(settings.device, needs);
}

// What a recorded pass takes of the longest document: our own kernels see it on the device.
std::int64_t recorded_longest(const Stream& stream, const Batch& batch) {
  return stream.gpu_kernels().attention == GpuKernels::Attention::portable ? 0 : batch.longest;
}

void check_settings(const ModelSettings& settings) {
  if (settings.max_tokens < 1) {
    throw Error(Kind::config,
                "a microbatch of " + std::to_string(settings.max_tokens) + " tokens; it needs at least 1");
  }
}
}  // namespace

MemoryPlan plan_memory(const ModelConfig& config, DType dtype, const ModelSettings& settings) {
  check_config(config);
  check_settings(settings);
  check_parallel(config, settings.parallel.shape);
  const ParameterSet::Bytes parameters =
      ParameterSet::plan(config, dtype, settings.purpose, settings.parallel, settings.shard);
  MemoryPlan plan;
  plan.weights = parameters.weights;
  plan.masters = parameters.masters;
  plan.gradients = parameters.gradients;
  plan.scratch = scratch_bytes(config, dtype, settings);
  const std::size_t budget = settings.activation_bytes;
  const std::int64_t layers = settings.parallel.of_stage(config.n_layers()).count;
  const std::int64_t most = settings.purpose == Purpose::train ? layers : 0;
  for (std::int64_t recomputed = 0; recomputed <= most; ++recomputed) {
    plan.activations = measure_activations(config, dtype, settings, recomputed).total(n_under_way(settings.parallel));
    plan.recomputed_blocks = recomputed;
    if (budget == 0 || plan.activations <= budget) return plan;
  }
  throw Error(Kind::config, "a microbatch of " + std::to_string(settings.max_tokens) + " tokens needs " +
                                human_bytes(static_cast<double>(plan.activations)) +
                                " of activations even with every block recomputed, more than the " +
                                human_bytes(static_cast<double>(budget)) +
                                " allowed: take fewer tokens a microbatch or allow more memory");
}

// A microbatch on its way through the stages, with memory and a batch of its own.
struct Model::Staged {
  std::optional<Arena> arena;  // of what the backward needs; the rest of a pass takes the model's
  std::vector<Buffer> copies;
  std::optional<Pass> pass;
  std::size_t mark = 0;
  Objective objective;
  Network::Flight flight;
};

// A pass of one shape: run, then recorded, then repeated.
struct Model::Recorded {
  Replay pass;
};

Model::Model(const ModelConfig& config, DType dtype, const ModelSettings& settings)
    : config_(config),
      settings_(settings),
      plan_(plan_memory(config, dtype, settings)),
      parameters_(config, dtype, settings.purpose, settings.device, settings.parallel, settings.shard),
      units_(parameters_, settings.parallel, settings.shard.shard),
      network_(std::make_unique<Network>(config_, &parameters_, settings_.parallel)),
      arena_(shared_bytes(config, dtype, settings, plan_), settings.device),
      scratch_(std::make_shared<const Buffer>(plan_.scratch, settings.device)),
      staging_(settings.device),
      ledger_(Ledger::allocate(config_, arena_)),
      feed_(make_feed(settings, arena_)),
      received_(allocate_received(config, dtype, settings, arena_)) {
  network_->allocate_constants(settings.device, arena_);
  counts_ = counts_of(ledger_.all);
  if (!settings.parallel.is_staged()) return;
  if (settings.purpose != Purpose::train) return;
  const std::size_t kept = measure_activations(config, dtype, settings, plan_.recomputed_blocks).kept;
  for (std::int64_t i = 0; i < n_under_way(settings.parallel); ++i) {
    staged_.push_back(std::make_unique<Staged>());
    staged_.back()->arena.emplace(kept, &arena_);
  }
}

Model::~Model() = default;

void Model::start(Stream& stream) {
  if (!stream.is_host()) stream.lend(scratch_);
  if (!constants_are_placed_) network_->place_constants(stream);
  constants_are_placed_ = true;
}

Pass Model::pass_over(Stream& stream, const Batch& batch, double normaliser, Arena& arena, std::size_t place) {
  if (batch.n_tokens() > settings_.max_tokens) {
    throw Error(Kind::config, "a microbatch of " + std::to_string(batch.n_tokens()) +
                                  " tokens; this model was made for " + std::to_string(settings_.max_tokens));
  }
  HEARTH_CHECK(stream.device().kind() == settings_.device.kind(), "the model lies on another device than the stream");
  HEARTH_CHECK(stream.is_host() || !batch.embeddings, "embeddings of one's own are for the host");
  HEARTH_CHECK(stream.is_host() || !batch.expert_choices, "routing is replayed on the host only so far");
  if (!stream.is_host()) check_ids(batch);
  Pass pass = make_pass(arena, staging_, config_, parameters_.dtype(), settings_.parallel, batch);
  const Feed::Placed placed =
      feed_.place(stream, batch, {normaliser, settings_.balance_coefficient, settings_.router_z_coefficient}, place);
  if (received_) pass.received = received_.rows(0, pass.own.count);
  pass.most_tokens = comm::piece_of(settings_.max_tokens, 0, settings_.parallel.shape.context).count;
  pass.expert_headroom = settings_.expert_headroom;
  pass.stream = &stream;
  pass.units = &units_;
  pass.batch = own_part(pass, placed.batch);
  if (pass.on_host()) pass.host_batch = pass.batch;
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
  HEARTH_CHECK(!settings_.parallel.is_staged(), "stages take microbatches by add");
  if (ledger_is_stale_) stream.zero(ledger_.all);
  ledger_is_stale_ = false;
  start(stream);
  Arena::Scope scope(arena_);
  Pass pass = pass_over(stream, batch, objective.normaliser, arena_);
  pass.ledger = &ledger_;
  std::optional<double> loss;
  const auto body = [&] { loss = network_->forward_backward(pass, objective, plan_.recomputed_blocks); };
  const bool meets = settings_.parallel.meets_in_pass() || settings_.shard.shard != Shard::optimizer;
  if (stream.is_host() || !settings_.graphs || meets || objective.evaluate) {
    body();
    return loss;
  }
  std::unique_ptr<Recorded>& recorded =
      recorded_[{pass.tokens, pass.batch.cu_seqlens.n_elements(), recorded_longest(stream, pass.batch),
                 std::bit_cast<std::int32_t>(objective.z_loss)}];
  if (!recorded) recorded = std::make_unique<Recorded>();
  recorded->pass.run(stream, body);
  return loss;
}

void Model::add(Stream& stream, const Batch& batch, const Objective& objective) {
  HEARTH_CHECK(!objective.evaluate, "an objective that evaluates must be waited for");
  if (settings_.parallel.is_staged()) return add_to_pipeline(stream, batch, objective);
  run(stream, batch, objective);
}

// What goes to a stage and what comes from it are one exchange, here and there: communicators of GPUs do one after
// another, and a message ends when it is taken. So the gradient made last waits for the next microbatch to come.
void Model::receive(Stream& stream, const Batch& batch) {
  const Parallel& parallel = settings_.parallel;
  if (parallel.first_stage()) return;
  const std::int64_t own = parallel.of_tensor(parallel.of_context(batch.n_tokens())).count;
  const Tensor back = not_sent_back_ != nullptr ? not_sent_back_->flight.d : Tensor{};
  const int before = parallel.at.pipeline - 1;
  parallel.mesh->pipeline().exchange(stream, back, back ? before : -1, received_.rows(0, own), before).wait(stream);
  not_sent_back_ = nullptr;
}

void Model::send_back(Stream& stream) {
  Staged* const staged = std::exchange(not_sent_back_, nullptr);
  if (staged == nullptr) return;
  const Parallel& parallel = settings_.parallel;
  staged->flight.sent_back =
      parallel.mesh->pipeline().exchange(stream, staged->flight.d, parallel.at.pipeline - 1, {}, -1);
}

// One forward, then one backward: of the microbatch that the next stage, by then, is done with.
void Model::add_to_pipeline(Stream& stream, const Batch& batch, const Objective& objective) {
  if (ledger_is_stale_) stream.zero(ledger_.all);
  ledger_is_stale_ = false;
  start(stream);
  receive(stream, batch);
  const std::size_t place = next_staged_;
  Staged& staged = *staged_[place];
  next_staged_ = (next_staged_ + 1) % staged_.size();
  ++n_staged_;
  staged.flight.wait(stream);
  staged.copies.clear();
  Batch own = batch;  // the caller's may go before the backward pass
  for (Tensor* each : {&own.ids, &own.positions, &own.cu_seqlens, &own.targets, &own.token_weight, &own.embeddings,
                       &own.expert_choices}) {
    if (!*each) continue;
    staged.copies.emplace_back(each->bytes());
    const Tensor copy(staged.copies.back().data(), each->dtype, each->shape);
    std::copy_n(each->data, each->bytes(), copy.data);
    *each = copy;
  }
  staged.mark = staged.arena->used_bytes();
  staged.pass.emplace(pass_over(stream, own, objective.normaliser, *staged.arena, place));
  staged.pass->ledger = &ledger_;
  staged.objective = objective;
  network_->forward(*staged.pass, plan_.recomputed_blocks, staged.flight);
  const Parallel& parallel = settings_.parallel;
  if (n_staged_ == staged_.size()) {
    oldest_backward(stream, staged.flight.made);
  } else if (!parallel.last_stage()) {
    staged.flight.sent =
        parallel.mesh->pipeline().exchange(stream, staged.flight.made, parallel.at.pipeline + 1, {}, -1);
  }
}

// made: by the forward pass just before, for the next stage; or none.
void Model::oldest_backward(Stream& stream, const Tensor& made) {
  Staged& staged = *staged_[(next_staged_ + staged_.size() - n_staged_) % staged_.size()];
  // The choices were noted by the forward pass, and the place is gone.
  staged.pass->batch.chosen_experts = {};
  const Parallel& parallel = settings_.parallel;
  if (const int next = parallel.at.pipeline + 1; !parallel.last_stage())
    parallel.mesh->pipeline().exchange(stream, made, made ? next : -1, staged.flight.d, next).wait(stream);
  network_->backward(*staged.pass, staged.objective, staged.flight);
  if (!parallel.first_stage()) not_sent_back_ = &staged;
  staged.pass->arena.release_to(staged.mark);
  --n_staged_;
}

void Model::finish_step(Stream& stream) {
  send_back(stream);
  while (n_staged_ > 0) {
    oldest_backward(stream, {});
    send_back(stream);
  }
  for (const std::unique_ptr<Staged>& each : staged_) each->flight.wait(stream);
}

StepResult Model::forward_backward(Stream& stream, const Batch& batch, const Objective& objective) {
  if (!ledger_is_stale_) {
    for (const Tensor& each : {ledger_.head, ledger_.balance, ledger_.router_z, ledger_.rounds}) stream.zero(each);
  }
  const std::optional<double> loss = run(stream, batch, objective);
  const Tensor copy = staging_.fetch(stream, ledger_.all);
  comm::wait_for_device(activity_for(stream, settings_.parallel), [&] { stream.wait(); });
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
          .mean_negative_log_prob = head[3],
          .expert_rounds = *ledger.rounds.as<std::int64_t>()};
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

// Where passes without gradients take their memory. Between steps no microbatch is under way.
Arena& Model::free_arena() {
  HEARTH_CHECK(n_staged_ == 0, "a pass without gradients within a step");
  return staged_.empty() ? arena_ : *staged_.front()->arena;
}

void Model::log_probs(Stream& stream, const Batch& batch, Tensor log_prob) {
  start(stream);
  Arena& arena = free_arena();
  Arena::Scope scope(arena);
  receive(stream, batch);
  log_probs_of_batch(*network_, pass_over(stream, batch, 1, arena), log_prob);
}

void Model::logits(Stream& stream, const Batch& batch, const std::vector<std::int64_t>& rows, Tensor logits) {
  HEARTH_CHECK(static_cast<std::int64_t>(rows.size()) <= settings_.logits_rows, "more rows of logits than planned");
  const std::vector<std::int32_t> ids(rows.begin(), rows.end());
  start(stream);
  Arena& arena = free_arena();
  Arena::Scope scope(arena);
  receive(stream, batch);
  network_->logits(pass_over(stream, batch, 1, arena), Tensor(ids.data(), {static_cast<std::int64_t>(ids.size())}),
                   logits);
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
