// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/head.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "kernels/head.h"
#include "kernels/moe.h"

namespace hearth::nn {
namespace {
struct Sums {
  double weight = 0, log_prob = 0, log_normaliser_squared = 0;  // each weighted, over the tokens with a target
};

// All on the host.
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

void HeadLayer::forward_backward(const Pass& pass, const Objective& objective, const Tensor& hidden,
                                 Result& result) const {
  Arena::Scope scope(pass.arena);
  const TokenResults results = {pass.floats({pass.tokens}), pass.floats({pass.tokens})};
  const TokenDerivatives derivatives = {pass.floats({pass.tokens}), pass.floats({pass.tokens})};
  const Tensor scratch = workspace(pass);
  if (pass.measures()) return;

  kernels::HeadArgs args;
  args.hidden = hidden;
  args.weight = weight_->weight;
  args.targets = pass.batch.targets;
  args.log_prob = results.log_prob;
  args.log_normaliser = results.log_normaliser;
  args.workspace = scratch;
  if (objective.evaluate) {
    kernels::head(pass.on(), args);
    evaluate(pass, objective, results, derivatives, result);
    args.d_log_prob = derivatives.d_log_prob;
    args.d_log_normaliser = derivatives.d_log_normaliser;
  } else {
    const Tensor& weight = derivatives.d_log_prob;
    kernels::scale(pass.on(), {.x = pass.batch.token_weight,
                               .factor = static_cast<float>(1 / objective.normaliser),
                               .y = weight});
    args.token_weight = weight;
    args.z_loss = objective.z_loss;
  }
  args.d_hidden = hidden;
  args.d_weight = weight_->gradient;
  kernels::head(pass.on(), args);
  if (objective.evaluate) return;
  pass.read({results.log_prob, results.log_normaliser},
            [&result, batch = pass.host_batch, z_loss = objective.z_loss,
             normaliser = objective.normaliser](std::span<const Tensor> read) {
              const Sums sums = weighted_sums(batch, {read[0], read[1]});
              result = {(-sums.log_prob + z_loss * sums.log_normaliser_squared) / normaliser, sums.weight,
                        -sums.log_prob};
            });
}

// The objective looks at results and fills derivatives on the host; a device is waited for.
void HeadLayer::evaluate(const Pass& pass, const Objective& objective, const TokenResults& results,
                         const TokenDerivatives& derivatives, Result& result) const {
  kernels::fill(pass.on(), {.y = derivatives.d_log_prob});
  kernels::fill(pass.on(), {.y = derivatives.d_log_normaliser});
  const auto fetch = [&](const Tensor& tensor) { return pass.staging.fetch(pass.on(), tensor); };
  const TokenResults seen{fetch(results.log_prob), fetch(results.log_normaliser)};
  const TokenDerivatives made{fetch(derivatives.d_log_prob), fetch(derivatives.d_log_normaliser)};
  pass.on().wait();
  const Sums sums = weighted_sums(pass.host_batch, seen);
  result = {objective.evaluate(pass.host_batch, seen, made), sums.weight, -sums.log_prob};
  pass.on().copy(made.d_log_prob, derivatives.d_log_prob);
  pass.on().copy(made.d_log_normaliser, derivatives.d_log_normaliser);
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
  const std::int64_t rows = row_ids.n_elements();
  // On a device a chunk of them at a time, as they are many.
  const std::int64_t chunk = pass.on_host() ? rows : kernels::head_chunk_tokens(rows, vocab_);
  const Tensor selected = pass.arena.allocate(pass.dtype, {rows, pass.hidden});
  const Tensor part = pass.on_host() ? Tensor{} : pass.floats({chunk, vocab_});
  if (pass.measures()) return;
  kernels::moe_gather(pass.on(), {.x = hidden, .token_of = row_ids, .rows = selected});
  for (std::int64_t begin = 0; begin < rows; begin += chunk) {
    const std::int64_t count = std::min(chunk, rows - begin);
    const Tensor to = pass.on_host() ? logits : part.rows(0, count);
    kernels::head_logits(pass.on(), {.hidden = selected.rows(begin, count), .weight = weight_->weight, .logits = to});
    if (!pass.on_host()) pass.deliver(to, logits.rows(begin, count));
  }
}

}  // namespace hearth::nn
