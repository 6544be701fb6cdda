// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/block.h"

#include "kernels/rmsnorm.h"
#include "lib/nn/token_runs.h"

namespace hearth::nn {
namespace {
std::string prefix_of(std::int64_t layer) { return "layers." + std::to_string(layer) + "."; }
}  // namespace

BlockLayer::BlockLayer(const Block& block, const ParameterSet* parameters, std::int64_t layer, const Parallel& parallel)
    : attention_(block, parameters, prefix_of(layer) + "attention.", parallel) {
  const std::string prefix = prefix_of(layer) + "ffn.";
  if (block.feed_forward.moe) {
    moe_.emplace(*block.feed_forward.moe, parameters, layer, prefix, parallel);
  } else {
    dense_.emplace(block.feed_forward.ffn, parameters, prefix, parallel);
  }
  if (parameters == nullptr) return;
  norm_in_ = &parameters->get(prefix_of(layer) + "attention.norm");
  norm_mid_ = &parameters->get(prefix + "norm");
}

void BlockLayer::allocate(const Pass& pass, Saved& saved) const {
  saved.normed_in = pass.stream_activations();
  saved.normed_mid = pass.stream_activations();
  saved.rstd_in = pass.floats({pass.own.count});
  saved.rstd_mid = pass.floats({pass.own.count});
  saved.attention = attention_.allocate(pass);
  if (dense_) saved.dense = dense_->allocate(pass);
  if (moe_) saved.moe = moe_->allocate(pass, saved.moe);
}

void BlockLayer::forward(const Pass& pass, const Tensor& stream, const Tensor& delta, const Tensor& cos_sin,
                         const Saved& saved, bool finish) const {
  if (stream) {
    add_norm(pass, stream, delta, norm_in_, saved.stream_in, saved.normed_in, saved.rstd_in);
  } else {
    norm(pass, saved.stream_in, norm_in_, saved.normed_in, saved.rstd_in);
  }
  {
    Arena::Scope scope(pass.arena);
    const Tensor x = all_tokens(pass, saved.normed_in), y = summand_of(pass, delta);
    attention_.forward(pass, x, cos_sin, saved.attention, y);
    add_summands(pass, y, delta);
  }
  add_norm(pass, saved.stream_in, delta, norm_mid_, saved.stream_mid, saved.normed_mid, saved.rstd_mid);
  Arena::Scope scope(pass.arena);
  const Tensor x = all_tokens(pass, saved.normed_mid), y = finish ? summand_of(pass, delta) : Tensor{};
  if (dense_) dense_->forward(pass, x, saved.dense, finish ? &y : nullptr);
  if (moe_) moe_->forward(pass, x, saved.moe, finish ? &y : nullptr);
  if (finish) add_summands(pass, y, delta);
}

void BlockLayer::backward(const Pass& pass, const Tensor& cos_sin, const Saved& saved, const Tensor& d) const {
  Arena::Scope scope(pass.arena);
  const Tensor d_normed = pass.stream_activations();
  {
    Arena::Scope inner(pass.arena);
    const Tensor x = all_tokens(pass, saved.normed_mid), dy = all_tokens(pass, d), dx = summand_of(pass, d_normed);
    if (dense_) dense_->backward(pass, x, saved.dense, dy, dx);
    if (moe_) moe_->backward(pass, x, saved.moe, dy, dx);
    add_summands(pass, dx, d_normed);
  }
  norm_backward(pass, d_normed, saved.stream_mid, norm_mid_, saved.rstd_mid, d, d);
  {
    Arena::Scope inner(pass.arena);
    const Tensor x = all_tokens(pass, saved.normed_in), dy = all_tokens(pass, d), dx = summand_of(pass, d_normed);
    attention_.backward(pass, x, cos_sin, saved.attention, dy, dx);
    add_summands(pass, dx, d_normed);
  }
  norm_backward(pass, d_normed, saved.stream_in, norm_in_, saved.rstd_in, d, d);
}

void add_norm(const Pass& pass, const Tensor& stream, const Tensor& delta, const Parameter* weight, const Tensor& sum,
              const Tensor& y, const Tensor& rstd) {
  if (pass.measures()) return;
  kernels::rmsnorm(pass.on(), {.x = delta,
                               .residual = stream,
                               .weight = weight->weight,
                               .sum = sum,
                               .y = y,
                               .rstd = rstd,
                               .epsilon = pass.epsilon});
}

}  // namespace hearth::nn
