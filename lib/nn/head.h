// SPDX-License-Identifier: Apache-2.0
// The output layer and the objective over it.
#pragma once
#include <optional>

#include "kernels/head.h"
#include "lib/nn/objective.h"
#include "lib/nn/pass.h"

namespace hearth::nn {

class HeadLayer {
 public:
  // The weight is the embedding's when tied. Among tensor ranks each has a run of the vocabulary.
  HeadLayer(std::int64_t vocab, const Parameter* weight, const Parallel& parallel)
      : vocab_(parallel.of_tensor(vocab).count),
        largest_part_(comm::piece_of(vocab, 0, parallel.shape.tensor).count),
        n_parts_(parallel.shape.tensor),
        weight_(weight) {}

  // hidden [own tokens, hidden] is overwritten by its gradient; the totals are added to the pass's ledger. Returns what
  // an objective that evaluates gave, which the host waits for; nothing for others.
  std::optional<double> forward_backward(const Pass& pass, const Objective& objective, const Tensor& hidden) const;
  // log_prob [tokens] f32.
  void log_probs(const Pass& pass, const Tensor& hidden, const Tensor& log_prob) const;
  // Of some tokens of the whole batch; row_ids [rows] i32, logits [rows, vocab] f32, both on the host. All of it on
  // every rank that has the head.
  void logits(const Pass& pass, const Tensor& hidden, const Tensor& row_ids, const Tensor& logits) const;

 private:
  Tensor workspace(const Pass& pass) const;
  kernels::HeadArgs args_of(const Pass& pass, const Tensor& hidden, const Tensor& workspace) const;
  void put_parts(const Pass& pass, const Tensor& parts, const Tensor& logits) const;
  double evaluate(const Pass& pass, const Objective& objective, const TokenResults& results,
                  const TokenDerivatives& derivatives) const;

  std::int64_t vocab_, largest_part_;  // of the vocabulary this rank's part, and the first rank's
  int n_parts_;
  const Parameter* weight_;
};

}  // namespace hearth::nn
