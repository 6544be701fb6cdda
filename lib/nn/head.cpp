// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/head.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "kernels/head.h"
#include "kernels/step.h"
#include "lib/nn/chosen_rows.h"
#include "lib/nn/token_runs.h"

namespace hearth::nn {

Tensor HeadLayer::workspace(const Pass& pass) const {
  return pass.arena.allocate(DType::u8, {kernels::head_workspace_bytes(pass.tokens, largest_part_, n_parts_)});
}

kernels::HeadArgs HeadLayer::args_of(const Pass& pass, const Tensor& hidden, const Tensor& workspace) const {
  kernels::HeadArgs args;
  args.hidden = hidden;
  args.weight = weight_->weight;
  args.targets = pass.batch.targets;
  args.workspace = workspace;
  if (n_parts_ == 1) return args;
  args.part = {.first = weight_->spec.first,
               .whole = weight_->spec.whole[0],
               .largest = largest_part_,
               .n_parts = n_parts_,
               .gather = [&pass](const Tensor& own, const Tensor& all) {
                 pass.parallel.mesh->tensor().all_gather(pass.on(), own, all).wait(pass.on());
               }};
  return args;
}

std::optional<double> HeadLayer::forward_backward(const Pass& pass, const Objective& objective,
                                                  const Tensor& own_hidden) const {
  Arena::Scope scope(pass.arena);
  const Tensor hidden = all_tokens(pass, own_hidden), d_hidden = summand_of(pass, own_hidden);
  const TokenResults results = {pass.floats({pass.tokens}), pass.floats({pass.tokens})};
  const TokenDerivatives derivatives = {pass.floats({pass.tokens}), pass.floats({pass.tokens})};
  const Tensor scratch = workspace(pass);
  if (pass.measures()) return std::nullopt;

  kernels::HeadArgs args = args_of(pass, hidden, scratch);
  args.log_prob = results.log_prob;
  args.log_normaliser = results.log_normaliser;
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

// The objective looks at results and fills derivatives on the host; a device is waited for.
double HeadLayer::evaluate(const Pass& pass, const Objective& objective, const TokenResults& results,
                           const TokenDerivatives& derivatives) const {
  HEARTH_CHECK(pass.on_host() || !pass.parallel.cuts_context(), "the host has the batch of all context ranks");
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
  const Tensor hidden = all_tokens(pass, own_hidden), scratch = workspace(pass);
  if (pass.measures()) return;
  kernels::HeadArgs args = args_of(pass, hidden, scratch);
  args.log_prob = log_prob;
  kernels::head(pass.on(), args);
}

// A chunk of rows at a time: what is brought together from other ranks, or delivered from a device, is much for many.
void HeadLayer::logits(const Pass& pass, const Tensor& own_hidden, const Tensor& row_ids, const Tensor& logits) const {
  Arena::Scope scope(pass.arena);
  const Tensor hidden = all_tokens(pass, own_hidden);
  const std::int64_t rows = row_ids.n_elements();
  const bool in_place = pass.on_host() && n_parts_ == 1;
  const std::int64_t chunk = kernels::head_chunk_tokens(rows, n_parts_ * largest_part_);
  const ChosenRows chosen(pass, row_ids, chunk);
  const Tensor part = in_place ? Tensor{} : pass.floats({chunk, largest_part_});
  const Tensor parts = n_parts_ == 1 ? Tensor{} : pass.floats({n_parts_ * chunk, largest_part_});
  const bool joins_there = n_parts_ > 1 && !pass.on_host();
  const Tensor joined = joins_there ? pass.floats({chunk, n_parts_ * largest_part_}) : Tensor{};
  if (pass.measures()) return;
  for (std::int64_t begin = 0; begin < rows; begin += chunk) {
    const std::int64_t count = std::min(chunk, rows - begin);
    const Tensor to = in_place ? logits.rows(begin, count) : Tensor(part.data, DType::f32, {count, vocab_});
    const Tensor selected = chosen.gather(hidden, begin, count);
    kernels::head_logits(pass.on(), {.hidden = selected, .weight = weight_->weight, .logits = to});
    if (n_parts_ > 1) {
      const Tensor all = parts.rows(0, n_parts_ * count);
      pass.parallel.mesh->tensor().all_gather(pass.on(), part.rows(0, count), all).wait(pass.on());
      const Tensor whole =
          joins_there ? Tensor(joined.data, DType::f32, {count, logits.shape[1]}) : logits.rows(begin, count);
      put_parts(pass, all, whole);
      if (joins_there) pass.deliver(whole, logits.rows(begin, count));
    } else if (!pass.on_host()) {
      pass.deliver(to, logits.rows(begin, count));
    }
  }
}

// parts: of each tensor rank [rows, its part of the vocabulary], and then room up to the largest; logits [rows, vocab].
void HeadLayer::put_parts(const Pass& pass, const Tensor& parts, const Tensor& logits) const {
  const std::int64_t rows = logits.shape[0], vocab = logits.shape[1];
  for (int rank = 0; rank < n_parts_; ++rank) {
    const comm::Piece piece = comm::piece_of(vocab, rank, n_parts_);
    const auto bytes = [](std::int64_t elements) { return static_cast<std::size_t>(elements) * sizeof(float); };
    pass.on().copy_rows({parts.data + bytes(rank * rows * largest_part_), bytes(piece.count)},
                        {logits.data + bytes(piece.begin), bytes(vocab)}, bytes(piece.count),
                        static_cast<std::size_t>(rows));
  }
}

}  // namespace hearth::nn
