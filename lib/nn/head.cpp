// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/head.h"

#include "kernels/elementwise.h"
#include "kernels/head.h"
#include "kernels/moe.h"

namespace hearth::nn {
namespace {
struct Sums {
  double weight = 0, log_prob = 0, log_normaliser_squared = 0;  // each weighted, over the tokens with a target
};

Sums weighted_sums(const Batch& batch, const TokenResults& results) {
  const auto targets = batch.targets.span<std::int32_t>();
  const auto weights = batch.token_weight.span<float>();
  const auto log_prob = results.log_prob.span<float>(), log_normaliser = results.log_normaliser.span<float>();
  Sums sums;
  for (std::size_t t = 0; t < targets.size(); ++t) {
    if (targets[t] < 0) continue;
    const double weight = weights[t], normaliser = log_normaliser[t];
    sums.weight += weight;
    sums.log_prob += weight * log_prob[t];
    sums.log_normaliser_squared += weight * normaliser * normaliser;
  }
  return sums;
}
}  // namespace

Tensor HeadLayer::workspace(const Pass& pass) const {
  return pass.arena.allocate(DType::u8, {kernels::head_workspace_bytes(pass.tokens, vocab_)});
}

HeadLayer::Result HeadLayer::forward_backward(const Pass& pass, const Objective& objective,
                                              const Tensor& hidden) const {
  Arena::Scope scope(pass.arena);
  const TokenResults results = {pass.floats({pass.tokens}), pass.floats({pass.tokens})};
  const TokenDerivatives derivatives = {pass.floats({pass.tokens}), pass.floats({pass.tokens})};
  const Tensor scratch = workspace(pass);
  if (pass.measures()) return {};

  kernels::HeadArgs args;
  args.hidden = hidden;
  args.weight = weight_->weight;
  args.targets = pass.batch.targets;
  args.log_prob = results.log_prob;
  args.log_normaliser = results.log_normaliser;
  args.workspace = scratch;
  if (!objective.evaluate) {
    const Tensor& weight = derivatives.d_log_prob;
    kernels::scale(pass.on(), {.x = pass.batch.token_weight,
                               .factor = static_cast<float>(1 / objective.normaliser),
                               .y = weight});
    args.token_weight = weight;
    args.z_loss = objective.z_loss;
    args.d_hidden = hidden;
    args.d_weight = weight_->gradient;
    kernels::head(pass.on(), args);
    const Sums sums = weighted_sums(pass.batch, results);
    const double loss = (-sums.log_prob + objective.z_loss * sums.log_normaliser_squared) / objective.normaliser;
    return {loss, sums.weight, -sums.log_prob};
  }
  kernels::head(pass.on(), args);
  const Sums sums = weighted_sums(pass.batch, results);
  kernels::fill(pass.on(), {.y = derivatives.d_log_prob});
  kernels::fill(pass.on(), {.y = derivatives.d_log_normaliser});
  const double loss = objective.evaluate(pass.batch, results, derivatives);
  args.d_log_prob = derivatives.d_log_prob;
  args.d_log_normaliser = derivatives.d_log_normaliser;
  args.d_hidden = hidden;
  args.d_weight = weight_->gradient;
  kernels::head(pass.on(), args);
  return {loss, sums.weight, -sums.log_prob};
}

void HeadLayer::log_probs(const Pass& pass, const Tensor& hidden, const Tensor& log_prob) const {
  Arena::Scope scope(pass.arena);
  const Tensor scratch = workspace(pass);
  if (pass.measures()) return;
  kernels::HeadArgs args;
  args.hidden = hidden;
  args.weight = weight_->weight;
  args.targets = pass.batch.targets;
  args.log_prob = log_prob;
  args.workspace = scratch;
  kernels::head(pass.on(), args);
}

void HeadLayer::logits(const Pass& pass, const Tensor& hidden, const Tensor& row_ids, const Tensor& logits) const {
  Arena::Scope scope(pass.arena);
  const Tensor selected = pass.arena.allocate(pass.dtype, {row_ids.n_elements(), pass.hidden});
  if (pass.measures()) return;
  kernels::moe_gather(pass.on(), {.x = hidden, .token_of = row_ids, .rows = selected});
  kernels::head_logits(pass.on(), {.hidden = selected, .weight = weight_->weight, .logits = logits});
}

}  // namespace hearth::nn
