// SPDX-License-Identifier: Apache-2.0
// From what the head says of each target token to a loss and its derivatives: all that distinguishes one way of
// training from another (DESIGN section 3, "one idea carries all training").
#pragma once
#include <functional>

#include "lib/nn/batch.h"

namespace hearth::nn {

// Per token of the batch, f32 [tokens]; 0 where there is no target.
struct TokenResults {
  Tensor log_prob;        // of the target
  Tensor log_normaliser;  // log of the sum of exp(logits)
};

struct TokenDerivatives {
  Tensor d_log_prob, d_log_normaliser;  // [tokens] f32, zeroed before the call
};

// Either the weights are known beforehand (`evaluate` empty): then the gradient is taken in the same pass as the
// logits, for
//   loss = sum over tokens of token_weight / normaliser * (-log_prob + z_loss * log_normaliser^2)
// or evaluate sees the results of the microbatch, fills the derivatives and returns the loss; the head then runs twice.
struct Objective {
  double normaliser = 1;  // the global sum of token weights of the step, over all microbatches and ranks
  float z_loss = 0;
  std::function<double(const Batch&, const TokenResults&, const TokenDerivatives&)> evaluate;
};

// Cross-entropy of the weighted targets, with z-loss: pre-training and supervised fine-tuning.
Objective cross_entropy(double normaliser, float z_loss = 0);

}  // namespace hearth::nn
