// SPDX-License-Identifier: Apache-2.0
// The vocabulary among tensor ranks: each holds a run of the rows of the embedding and of the head, for any vocabulary.
// On the host only so far: it looks at ids.
#pragma once
#include "lib/nn/objective.h"
#include "lib/nn/pass.h"

namespace hearth::nn {

// The rows of the embedding that the batch's ids name, for the tokens whose row this rank has; zeros for the others.
void embed_own(const Pass& pass, const Parameter* embedding, const Tensor& y);
void embed_own_backward(const Pass& pass, const Parameter* embedding, const Tensor& dy);

// This rank's part of the batch's targets, as rows of its part of the head: [tokens] i32, -1 elsewhere.
Tensor own_targets(const Pass& pass, const Parameter* head);

// What each rank's head made of its part becomes what all of it is, in place: log_normaliser [tokens] the logarithm of
// the sum over all ranks, log_prob [tokens] of the target wherever it lies. share [tokens]: of the sum of exp(logits),
// this rank's.
void join_heads(const Pass& pass, const Tensor& targets, const Tensor& log_prob, const Tensor& log_normaliser,
                const Tensor& share);

// Derivatives of the whole head's results become those that this rank's part of the head must be given, in place.
void split_derivatives(const Pass& pass, const Tensor& targets, const Tensor& share,
                       const TokenDerivatives& derivatives);

}  // namespace hearth::nn
