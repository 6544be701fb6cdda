// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/head.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "kernels/head.h"
#include "kernels/moe.h"
#include "kernels/step.h"

namespace hearth::nn {

Tensor HeadLayer::workspace(const Pass& pass) const {
  return pass.arena.allocate(DType::u8, {kernels::head_workspace_bytes(pass.tokens, vocab_)});
}

std::optional<double> HeadLayer::forward_backward(const Pass& pass, const Objective& objective,
                                                  const Tensor& hidden) const {
  Arena::Scope scope(pass.arena);
  const TokenResults results = {pass.floats({pass.tokens}), pass.floats({pass.tokens})};
  const TokenDerivatives derivatives = {pass.floats({pass.tokens}), pass.floats({pass.tokens})};
  const Tensor scratch = workspace(pass);
  if (pass.measures()) return std::nullopt;

  kernels::HeadArgs args;
  args.hidden = hidden;
  args.weight = weight_->weight;
  args.targets = pass.batch.targets;
  args.log_prob = results.log_prob;
  args.log_normaliser = results.log_normaliser;
  args.workspace = scratch;
  std::optional<double> loss;
  if (objective.evaluate) {
    kernels::head(pass.on(), args);
    loss = evaluate(pass, objective, results, derivatives);
    args.d_log_prob = derivatives.d_log_prob;
    args.d_log_normaliser = derivatives.d_log_normaliser;
  } else {
    const Tensor& weight = derivatives.d_log_prob;
    kernels::scale(pass.on(), {.x = pass.batch.token_weight, .y = weight, .factor_tensor = pass.scalars.token_factor});
    args.token_weight = weight;
    args.z_loss = objective.z_loss;
  }
  args.d_hidden = hidden;
  args.d_weight = weight_->gradient;
  kernels::head(pass.on(), args);
  kernels::token_totals(pass.on(), {.targets = pass.batch.targets,
                                    .token_weight = pass.batch.token_weight,
                                    .log_prob = results.log_prob,
                                    .log_normaliser = results.log_normaliser,
                                    .normaliser = pass.scalars.normaliser,
                                    .z_loss = objective.z_loss,
                                    .totals = pass.ledger->head});
  return loss;
}

// The objective looks at results and fills derivatives on the host; a device is waited for.
double HeadLayer::evaluate(const Pass& pass, const Objective& objective, const TokenResults& results,
                           const TokenDerivatives& derivatives) const {
  kernels::fill(pass.on(), {.y = derivatives.d_log_prob});
  kernels::fill(pass.on(), {.y = derivatives.d_log_normaliser});
  const auto fetch = [&](const Tensor& tensor) { return pass.staging.fetch(pass.on(), tensor); };
  const TokenResults seen{fetch(results.log_prob), fetch(results.log_normaliser)};
  const TokenDerivatives made{fetch(derivatives.d_log_prob), fetch(derivatives.d_log_normaliser)};
  pass.on().wait();
  const double loss = objective.evaluate(pass.host_batch, seen, made);
  pass.on().copy(made.d_log_prob, derivatives.d_log_prob);
  pass.on().copy(made.d_log_normaliser, derivatives.d_log_normaliser);
  return loss;
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
