// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/network.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "kernels/embedding.h"
#include "kernels/rope.h"
#include "kernels/step.h"
#include "lib/comm/on_the_host.h"
#include "lib/nn/token_runs.h"
#include "lib/nn/units.h"

namespace hearth::nn {

namespace {
const Parameter* head_weight(const ModelConfig& config, const ParameterSet* parameters, const Parallel& parallel) {
  if (parameters == nullptr || !parallel.last_stage()) return nullptr;
  return &parameters->get(config.tie_embeddings ? "embedding" : "head");
}
}  // namespace

Network::Network(const ModelConfig& config, const ParameterSet* parameters, const Parallel& parallel)
    : head_(config.vocab, head_weight(config, parameters, parallel), parallel) {
  const comm::Piece layers = parallel.of_stage(config.n_layers());
  first_layer_ = static_cast<std::size_t>(layers.begin);
  for (std::int64_t layer = layers.begin; layer < layers.begin + layers.count; ++layer) {
    const Block& block = config.block(layer);
    blocks_.emplace_back(block, parameters, layer, parallel);
    const RopeTable rope = resolve_rope(block.rope, block.attention.head_dim);
    const auto found = std::find(ropes_.begin(), ropes_.end(), rope);
    rope_of_.push_back(static_cast<std::size_t>(found - ropes_.begin()));
    if (found == ropes_.end()) ropes_.push_back(rope);
  }
  head_unit_ = config.tie_embeddings ? embedding_unit_ : unit_of(blocks_.size());
  if (parameters == nullptr) return;
  if (parallel.first_stage()) embedding_ = &parameters->get("embedding");
  if (parallel.last_stage()) final_norm_ = &parameters->get("final_norm");
}

void Network::allocate_constants(const Device& device, Arena& arena) {
  for (const RopeTable& rope : ropes_) {
    const auto pairs = static_cast<std::int64_t>(rope.inverse_frequency.size());
    frequencies_.push_back(device.is_host() ? Tensor(rope.inverse_frequency.data(), {pairs})
                                            : arena.allocate(DType::f32, {pairs}));
  }
}

void Network::place_constants(Stream& stream) const {
  for (std::size_t i = 0; i < ropes_.size(); ++i)
    stream.copy(Tensor(ropes_[i].inverse_frequency.data(), frequencies_[i].shape), frequencies_[i]);
}

void Network::use(const Pass& pass, std::size_t unit, std::size_t next) const {
  if (!pass.measures()) pass.units->use(pass.on(), unit, next);
}

void Network::begin_gradients(const Pass& pass, std::size_t unit) const {
  if (!pass.measures()) pass.units->begin_gradients(pass.on(), unit);
}

void Network::end_gradients(const Pass& pass, std::size_t unit) const {
  if (!pass.measures()) pass.units->end_gradients(pass.on(), unit);
}

Network::Shared Network::prepare(const Pass& pass) const {
  Shared shared;
  shared.stream = pass.stream_activations();
  shared.delta = pass.stream_activations();
  for (std::size_t i = 0; i < ropes_.size(); ++i) {
    const auto pairs = static_cast<std::int64_t>(ropes_[i].inverse_frequency.size());
    shared.cos_sin.push_back(pairs > 0 ? pass.floats({pass.tokens, 2, pairs}) : Tensor{});
    if (pairs == 0 || pass.measures()) continue;
    kernels::rope_table(pass.on(), {.positions = pass.batch.positions,
                                    .inverse_frequency = frequencies_[i],
                                    .multiplier = ropes_[i].multiplier,
                                    .cos_sin = shared.cos_sin.back()});
  }
  return shared;
}

// Of a vocabulary in parts zeros for the tokens whose row is elsewhere.
void Network::take_rows_of_ids(const Pass& pass, const Tensor& rows) const {
  if (pass.measures()) return;
  kernels::embedding(pass.on(), {.ids = pass.batch.ids,
                                 .table = embedding_->weight,
                                 .y = rows,
                                 .first = embedding_->spec.first,
                                 .whole = embedding_->spec.whole[0]});
}

void Network::embed(const Pass& pass, const Tensor& stream) const {
  if (pass.batch.embeddings) {
    if (!pass.measures()) kernels::cast(pass.on(), {.x = pass.batch.embeddings, .y = stream});
  } else if (pass.parallel.cuts_tensors()) {
    Arena::Scope scope(pass.arena);
    const Tensor rows = summand_of(pass, stream);
    take_rows_of_ids(pass, rows);
    add_summands(pass, rows, stream);
  } else {
    take_rows_of_ids(pass, stream);
  }
}

void Network::embed_backward(const Pass& pass, const Tensor& d) const {
  if (pass.batch.embeddings) return;
  Arena::Scope scope(pass.arena);
  const Tensor d_rows = all_tokens(pass, d);
  if (pass.measures() || !embedding_->gradient) return;
  kernels::embedding_backward(pass.on(), {.ids = pass.batch.ids,
                                          .dy = d_rows,
                                          .d_table = embedding_->gradient,
                                          .first = embedding_->spec.first,
                                          .whole = embedding_->spec.whole[0]});
}

void Network::begin_stream(const Pass& pass, const Tensor& stream) const {
  if (pass.parallel.first_stage()) {
    use(pass, embedding_unit_, unit_of(0));
    return embed(pass, stream);
  }
  if (!pass.measures()) pass.on().copy(pass.received, stream);
}

BlockLayer::Saved Network::forward_block(const Pass& pass, const Shared& shared, std::size_t block,
                                         const Tensor& stream, Keep keep, const Ledger* ledger) const {
  BlockLayer::Saved saved;
  saved.stream_in = keep == Keep::nothing ? shared.stream : pass.stream_activations();
  saved.stream_mid = keep == Keep::all ? pass.stream_activations() : shared.stream;
  const std::size_t mark = pass.arena.used_bytes();
  blocks_[block].allocate(pass, saved);
  if (block == 0) begin_stream(pass, saved.stream_in);
  const bool last = block + 1 == blocks_.size();
  use(pass, unit_of(block), !last ? unit_of(block + 1) : pass.parallel.last_stage() ? head_unit_ : unit_of(block));
  blocks_[block].forward(pass, stream, shared.delta, cos_sin_of(shared, block), saved, true);
  if (ledger != nullptr && blocks_[block].has_moe() && !pass.measures())
    kernels::count_tokens(pass.on(), {.counts = saved.moe.counts, .total = ledger->counts[first_layer_ + block]});
  if (keep != Keep::all) pass.arena.release_to(mark);
  return saved;
}

void Network::backward_blocks(const Pass& pass, Flight& flight) const {
  for (std::size_t block = blocks_.size(); block-- > 0;) {
    BlockLayer::Saved& saved = flight.saved[block];
    const Tensor& cos_sin = cos_sin_of(flight.shared, block);
    use(pass, unit_of(block), unit_of(block > 0 ? block - 1 : 0));
    begin_gradients(pass, unit_of(block));
    if (block < flight.n_recomputed) {
      blocks_[block].allocate(pass, saved);
      blocks_[block].forward(pass, {}, flight.shared.delta, cos_sin, saved, false);
    }
    blocks_[block].backward(pass, cos_sin, saved, flight.d);
    end_gradients(pass, unit_of(block));
    pass.arena.release_to(flight.marks[block]);
  }
}

void Network::forward(const Pass& pass, std::int64_t recomputed_blocks, Flight& flight) const {
  flight.n_recomputed = static_cast<std::size_t>(recomputed_blocks);
  flight.shared = prepare(pass);
  flight.d = pass.stream_activations();
  flight.made = pass.stream_activations(), flight.final_rstd = pass.floats({pass.own.count});
  flight.saved.clear(), flight.marks.clear();
  Tensor stream;
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    flight.marks.push_back(pass.arena.used_bytes());
    flight.saved.push_back(forward_block(pass, flight.shared, block, stream,
                                         block < flight.n_recomputed ? Keep::input : Keep::all, pass.ledger));
    stream = flight.saved.back().stream_mid;
  }
  const Tensor& delta = flight.shared.delta;
  if (pass.parallel.last_stage()) {
    use(pass, head_unit_, unit_of(blocks_.size() - 1));
    add_norm(pass, stream, delta, final_norm_, flight.made, delta, flight.final_rstd);
  } else if (!pass.measures()) {
    kernels::add(pass.on(), {.a = stream, .b = delta, .y = flight.made});
  }
}

std::optional<double> Network::backward(const Pass& pass, const Objective& objective, Flight& flight) const {
  const Parallel& parallel = pass.parallel;
  std::optional<double> loss;
  if (parallel.last_stage()) {
    begin_gradients(pass, head_unit_);
    loss = head_.forward_backward(pass, objective, flight.shared.delta);
    norm_backward(pass, flight.shared.delta, flight.made, final_norm_, flight.final_rstd, {}, flight.d);
    if (!tied()) end_gradients(pass, head_unit_);
  }
  backward_blocks(pass, flight);
  if (parallel.first_stage()) {
    if (!tied()) begin_gradients(pass, embedding_unit_);
    embed_backward(pass, flight.d);
    end_gradients(pass, embedding_unit_);
  }
  return loss;
}

std::optional<double> Network::forward_backward(const Pass& pass, const Objective& objective,
                                                std::int64_t recomputed_blocks) const {
  Arena::Scope scope(pass.arena);
  Flight flight;
  forward(pass, recomputed_blocks, flight);
  return backward(pass, objective, flight);
}

Tensor Network::forward(const Pass& pass) const {
  const Shared shared = prepare(pass);
  Tensor stream;
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    stream = forward_block(pass, shared, block, stream, Keep::nothing, nullptr).stream_mid;
  }
  if (!pass.parallel.last_stage()) {
    if (pass.measures()) return {};
    kernels::add(pass.on(), {.a = stream, .b = shared.delta, .y = shared.delta});
    const Parallel& parallel = pass.parallel;
    parallel.mesh->pipeline().exchange(pass.on(), shared.delta, parallel.at.pipeline + 1, {}, -1).wait(pass.on());
    return {};
  }
  const Tensor rstd = pass.floats({pass.own.count});
  use(pass, head_unit_, head_unit_);
  add_norm(pass, stream, shared.delta, final_norm_, stream, shared.delta, rstd);
  return shared.delta;
}

void Network::log_probs(const Pass& pass, const Tensor& log_prob) const {
  Arena::Scope scope(pass.arena);
  const Tensor hidden = forward(pass);
  if (pass.parallel.last_stage()) head_.log_probs(pass, hidden, log_prob);
}

void Network::logits(const Pass& pass, const Tensor& row_ids, const Tensor& logits) const {
  Arena::Scope scope(pass.arena);
  const Tensor hidden = forward(pass);
  if (pass.parallel.last_stage()) head_.logits(pass, hidden, row_ids, logits);
  if (pass.measures() || !pass.parallel.is_staged()) return;
  comm::on_the_host([&](Stream& on_host) {
    pass.parallel.mesh->pipeline().broadcast(on_host, logits, pass.parallel.shape.pipeline - 1).wait(on_host);
  });
}

}  // namespace hearth::nn
