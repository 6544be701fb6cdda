// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/head.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "kernels/head.h"
#include "kernels/moe.h"
#include "kernels/step.h"
#include "lib/nn/token_runs.h"
#include "lib/nn/vocabulary.h"

namespace hearth::nn {

Tensor HeadLayer::workspace(const Pass& pass) const {
  return pass.arena.allocate(DType::u8, {kernels::head_workspace_bytes(pass.tokens, vocab_)});
}

std::optional<double> HeadLayer::forward_backward(const Pass& pass, const Objective& objective,
                                                  const Tensor& own_hidden) const {
  Arena::Scope scope(pass.arena);
  const bool in_parts = pass.parallel.cuts_tensors();
  const Tensor hidden = all_tokens(pass, own_hidden), d_hidden = summand_of(pass, own_hidden);
  const Tensor targets = in_parts ? own_targets(pass, weight_) : pass.batch.targets;
  const TokenResults results = {pass.floats({pass.tokens}), pass.floats({pass.tokens})};
  const TokenDerivatives derivatives = {pass.floats({pass.tokens}), pass.floats({pass.tokens})};
  const Tensor share = in_parts ? pass.floats({pass.tokens}) : Tensor{};
  const Tensor scratch = workspace(pass);
  if (in_parts && pass.measures()) join_heads(pass, targets, results.log_prob, results.log_normaliser, share);
  if (pass.measures()) return std::nullopt;

  kernels::HeadArgs args;
  args.hidden = hidden;
  args.weight = weight_->weight;
  args.targets = targets;
  args.log_prob = results.log_prob;
  args.log_normaliser = results.log_normaliser;
  args.workspace = scratch;
  std::optional<double> loss;
  if (objective.evaluate || in_parts) {
    kernels::head(pass.on(), args);
    if (in_parts) join_heads(pass, targets, results.log_prob, results.log_normaliser, share);
    if (objective.evaluate) {
      loss = evaluate(pass, objective, results, derivatives);
    } else {
      known_derivatives(pass, objective, results, derivatives);
    }
    if (in_parts) split_derivatives(pass, targets, share, derivatives);
    args.d_log_prob = derivatives.d_log_prob;
    args.d_log_normaliser = derivatives.d_log_normaliser;
    if (in_parts) args.log_prob = args.log_normaliser = {};  // they stand
  } else {
    const Tensor& weight = derivatives.d_log_prob;
    kernels::scale(pass.on(), {.x = pass.batch.token_weight, .y = weight, .factor_tensor = pass.scalars.token_factor});
    args.token_weight = weight;
    args.z_loss = objective.z_loss;
  }
  args.d_hidden = d_hidden;
  args.d_weight = weight_->gradient;
  kernels::head(pass.on(), args);
  add_summands(pass, d_hidden, own_hidden);
  kernels::token_totals(pass.on(), {.targets = pass.batch.targets,
                                    .token_weight = pass.batch.token_weight,
                                    .log_prob = results.log_prob,
                                    .log_normaliser = results.log_normaliser,
                                    .normaliser = pass.scalars.normaliser,
                                    .z_loss = objective.z_loss,
                                    .totals = pass.ledger->head});
  return loss;
}

// Of an objective whose weights are known, as kernels::head takes them from token_weight and z_loss.
void HeadLayer::known_derivatives(const Pass& pass, const Objective& objective, const TokenResults& results,
                                  const TokenDerivatives& derivatives) const {
  const auto a = derivatives.d_log_prob.span<float>(), b = derivatives.d_log_normaliser.span<float>(),
             weight = pass.batch.token_weight.span<float>(), normaliser = results.log_normaliser.span<float>();
  const auto target = pass.batch.targets.span<std::int32_t>();
  const float factor = *pass.scalars.token_factor.as<float>();
  for (std::size_t t = 0; t < a.size(); ++t) {
    const float w = target[t] >= 0 ? weight[t] * factor : 0;
    a[t] = -w;
    b[t] = 2 * objective.z_loss * w * normaliser[t];
  }
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

void HeadLayer::log_probs(const Pass& pass, const Tensor& own_hidden, const Tensor& log_prob) const {
  Arena::Scope scope(pass.arena);
  const bool in_parts = pass.parallel.cuts_tensors();
  const Tensor hidden = all_tokens(pass, own_hidden);
  const Tensor targets = in_parts ? own_targets(pass, weight_) : pass.batch.targets;
  const Tensor log_normaliser = in_parts ? pass.floats({pass.tokens}) : Tensor{};
  const Tensor share = in_parts ? pass.floats({pass.tokens}) : Tensor{};
  const Tensor scratch = workspace(pass);
  if (!pass.measures()) {
    kernels::HeadArgs args;
    args.hidden = hidden;
    args.weight = weight_->weight;
    args.targets = targets;
    args.log_prob = log_prob;
    args.log_normaliser = log_normaliser;
    args.workspace = scratch;
    kernels::head(pass.on(), args);
  }
  if (in_parts) join_heads(pass, targets, log_prob, log_normaliser, share);
}

void HeadLayer::logits(const Pass& pass, const Tensor& hidden, const Tensor& row_ids, const Tensor& logits) const {
  HEARTH_CHECK(pass.measures() || !pass.parallel.cuts_tensors(), "logits of a vocabulary in parts");
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
