// SPDX-License-Identifier: Apache-2.0
// Which experts a token goes to, with what weight (Mixtral, Qwen3: softmax; DeepSeek-V3 2024, section 2.1.2: sigmoid,
// selection bias, groups).
//
//   score[e]   = softmax(logits)[e], or sigmoid(logits[e])
//   choice[e]  = score[e] + selection_bias[e]                      decides only, carries no gradient
//   groups > 1: experts fall into groups of equal size; a group's rank is the sum of its two best choices (its one, if
//               it has one); only the experts of the best groups_kept groups may be chosen
//   expert_ids = the k best choices, best first; equal choices: the lower index first
//   weights[i] = scale * score[expert_ids[i]] / (renormalise ? sum over i of score[expert_ids[i]] + 1e-20 : 1)
//
// Losses that enter here (gradient in router_backward):
//   balance = balance_coefficient * sum over sequences of T * sum over e of f[e] P[e]       (DeepSeek-V3, eq. 17-20)
//     f[e] = experts / (k T) * #{tokens t of the sequence whose k best scores, without bias or groups, include e}
//     P[e] = 1/T * sum over t of score[t, e] / sum over e of score[t, e]                     T tokens in the sequence
//   z       = z_coefficient * sum over tokens of logsumexp(logits)^2                         (ST-MoE 2022, eq. 5)
// Both are sums: for means over a batch the caller divides the coefficient by the batch's token count.
//
// dtypes: all f32, indices i32. The choice for a token depends on that token alone. A logit that is not finite: the
// result is unspecified, but expert_ids stay within range and distinct. Aliasing: none.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

enum class RouterScore { softmax, sigmoid };

struct RouterOptions {
  RouterScore score = RouterScore::softmax;
  int groups = 1;
  int groups_kept = 1;
  bool renormalise = true;
  float scale = 1;
};

struct RouterArgs {
  Tensor logits;               // [tokens, experts] f32
  Tensor selection_bias = {};  // [experts] f32 or none
  Tensor scores;               // [tokens, experts] f32, out: the backward needs them
  Tensor expert_ids;           // [tokens, k] i32, out
  Tensor weights;              // [tokens, k] f32, out
  Tensor counts;               // [experts] i32, out: tokens that chose each expert
  RouterOptions options = {};
};
void router(Stream& stream, const RouterArgs& args);

struct RouterBackwardArgs {
  Tensor logits, scores, expert_ids, weights;  // as in the forward
  Tensor d_weights;                            // [tokens, k] f32
  Tensor cu_seqlens = {};                      // [sequences + 1] i32; needed with balance_coefficient > 0
  Tensor d_logits;                             // [tokens, experts] f32, out
  Tensor losses;                               // [2] f32, out: balance, z
  RouterOptions options = {};
  float balance_coefficient = 0;
  float z_coefficient = 0;
  Tensor coefficients =
      {};  // [2] f32, instead of the two; balance_coefficient then only says whether there is one (not 0)
};
void router_backward(Stream& stream, const RouterBackwardArgs& args);

}  // namespace hearth::kernels
