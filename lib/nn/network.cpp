// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/network.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "kernels/embedding.h"
#include "kernels/rope.h"
#include "kernels/step.h"
#include "lib/nn/token_runs.h"
#include "lib/nn/vocabulary.h"

namespace hearth::nn {

Network::Network(const ModelConfig& config, const ParameterSet* parameters, const Parallel& parallel)
    : head_(config.vocab,
            parameters == nullptr ? nullptr : &parameters->get(config.tie_embeddings ? "embedding" : "head"),
            parallel) {
  for (std::int64_t layer = 0; layer < config.n_layers(); ++layer) {
    const Block& block = config.block(layer);
    blocks_.emplace_back(block, parameters, layer, parallel);
    const RopeTable rope = resolve_rope(block.rope, block.attention.head_dim);
    const auto found = std::find(ropes_.begin(), ropes_.end(), rope);
    rope_of_.push_back(static_cast<std::size_t>(found - ropes_.begin()));
    if (found == ropes_.end()) ropes_.push_back(rope);
  }
  if (parameters == nullptr) return;
  embedding_ = &parameters->get("embedding");
  final_norm_ = &parameters->get("final_norm");
}

void Network::place_constants(Stream* stream, Staging& staging, Arena& arena) {
  frequencies_.clear();
  for (const RopeTable& rope : ropes_) {
    const auto pairs = static_cast<std::int64_t>(rope.inverse_frequency.size());
    frequencies_.push_back(staging.upload(stream, Tensor(rope.inverse_frequency.data(), {pairs}), arena));
  }
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

void Network::embed(const Pass& pass, const Tensor& stream) const {
  if (pass.batch.embeddings) {
    if (!pass.measures()) kernels::cast(pass.on(), {.x = pass.batch.embeddings, .y = stream});
  } else if (pass.parallel.cuts_tensors()) {
    Arena::Scope scope(pass.arena);
    const Tensor rows = summand_of(pass, stream);
    embed_own(pass, embedding_, rows);
    add_summands(pass, rows, stream);
  } else if (!pass.measures()) {
    kernels::embedding(pass.on(), {.ids = pass.batch.ids, .table = embedding_->weight, .y = stream});
  }
}

void Network::embed_backward(const Pass& pass, const Tensor& d) const {
  if (pass.batch.embeddings) return;
  Arena::Scope scope(pass.arena);
  const Tensor d_rows = all_tokens(pass, d);
  if (pass.parallel.cuts_tensors()) return embed_own_backward(pass, embedding_, d_rows);
  if (pass.measures() || !embedding_->gradient) return;
  kernels::embedding_backward(pass.on(), {.ids = pass.batch.ids, .dy = d_rows, .d_table = embedding_->gradient});
}

BlockLayer::Saved Network::forward_block(const Pass& pass, const Shared& shared, std::size_t layer,
                                         const Tensor& stream, Keep keep, const Ledger* ledger) const {
  BlockLayer::Saved saved;
  saved.stream_in = keep == Keep::nothing ? shared.stream : pass.stream_activations();
  saved.stream_mid = keep == Keep::all ? pass.stream_activations() : shared.stream;
  const std::size_t mark = pass.arena.used_bytes();
  blocks_[layer].allocate(pass, saved);
  if (layer == 0) embed(pass, saved.stream_in);
  blocks_[layer].forward(pass, stream, shared.delta, cos_sin_of(shared, layer), saved, true);
  if (ledger != nullptr && blocks_[layer].has_moe() && !pass.measures())
    kernels::count_tokens(pass.on(), {.counts = saved.moe.counts, .total = ledger->counts[layer]});
  if (keep != Keep::all) pass.arena.release_to(mark);
  return saved;
}

void Network::backward_blocks(const Pass& pass, const Shared& shared, std::vector<BlockLayer::Saved>& saved,
                              const std::vector<std::size_t>& marks, std::size_t n_recomputed, const Tensor& d) const {
  for (std::size_t layer = blocks_.size(); layer-- > 0;) {
    if (layer < n_recomputed) {
      blocks_[layer].allocate(pass, saved[layer]);
      blocks_[layer].forward(pass, {}, shared.delta, cos_sin_of(shared, layer), saved[layer], false);
    }
    blocks_[layer].backward(pass, cos_sin_of(shared, layer), saved[layer], d);
    pass.arena.release_to(marks[layer]);
  }
}

std::optional<double> Network::forward_backward(const Pass& pass, const Objective& objective,
                                                std::int64_t recomputed_blocks) const {
  Arena::Scope scope(pass.arena);
  const auto n_recomputed = static_cast<std::size_t>(recomputed_blocks);
  const Shared shared = prepare(pass);
  const Tensor d = pass.stream_activations();
  const Tensor final_sum = pass.stream_activations(), final_rstd = pass.floats({pass.own.count});

  std::vector<BlockLayer::Saved> saved;
  std::vector<std::size_t> marks;
  Tensor stream;
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
    marks.push_back(pass.arena.used_bytes());
    saved.push_back(
        forward_block(pass, shared, layer, stream, layer < n_recomputed ? Keep::input : Keep::all, pass.ledger));
    stream = saved.back().stream_mid;
  }
  add_norm(pass, stream, shared.delta, final_norm_, final_sum, shared.delta, final_rstd);
  const std::optional<double> loss = head_.forward_backward(pass, objective, shared.delta);
  norm_backward(pass, shared.delta, final_sum, final_norm_, final_rstd, {}, d);
  backward_blocks(pass, shared, saved, marks, n_recomputed, d);
  embed_backward(pass, d);
  return loss;
}

Tensor Network::forward(const Pass& pass) const {
  const Shared shared = prepare(pass);
  Tensor stream;
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
    stream = forward_block(pass, shared, layer, stream, Keep::nothing, nullptr).stream_mid;
  }
  const Tensor rstd = pass.floats({pass.own.count});
  add_norm(pass, stream, shared.delta, final_norm_, stream, shared.delta, rstd);
  return shared.delta;
}

void Network::log_probs(const Pass& pass, const Tensor& log_prob) const {
  Arena::Scope scope(pass.arena);
  const Tensor result = pass.result_for(log_prob);
  head_.log_probs(pass, forward(pass), result);
  if (!pass.measures()) pass.deliver(result, log_prob);
}

void Network::logits(const Pass& pass, const Tensor& row_ids, const Tensor& logits) const {
  Arena::Scope scope(pass.arena);
  const Tensor rows = pass.upload(row_ids);
  head_.logits(pass, forward(pass), rows, logits);
}

}  // namespace hearth::nn
