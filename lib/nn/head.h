// SPDX-License-Identifier: Apache-2.0
// The output layer and the objective over it.
#pragma once
#include "lib/nn/objective.h"
#include "lib/nn/pass.h"

namespace hearth::nn {

class HeadLayer {
 public:
  // The weight is the embedding's when tied.
  HeadLayer(std::int64_t vocab, const Parameter* weight) : vocab_(vocab), weight_(weight) {}

  struct Result {
    double loss = 0, weighted_tokens = 0, negative_log_prob = 0;
  };
  // hidden [tokens, hidden] is overwritten by its gradient. result is there when the pass's readings are finished.
  void forward_backward(const Pass& pass, const Objective& objective, const Tensor& hidden, Result& result) const;
  // log_prob [tokens] f32.
  void log_probs(const Pass& pass, const Tensor& hidden, const Tensor& log_prob) const;
  // Of some rows of hidden; row_ids [rows] i32, logits [rows, vocab] f32 on the host.
  void logits(const Pass& pass, const Tensor& hidden, const Tensor& row_ids, const Tensor& logits) const;

 private:
  Tensor workspace(const Pass& pass) const;
  void evaluate(const Pass& pass, const Objective& objective, const TokenResults& results,
                const TokenDerivatives& derivatives, Result& result) const;

  std::int64_t vocab_;
  const Parameter* weight_;
};

}  // namespace hearth::nn
