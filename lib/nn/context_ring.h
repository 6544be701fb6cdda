// SPDX-License-Identifier: Apache-2.0
// Context parallelism for any number of heads: queries stay, keys and values go round (ring attention, Liu et al.
// 2023). Rank r works in step i on keys of rank r - i, while those of rank r - i - 1 arrive; what the steps give is
// merged by log-sum-exp, in the order of the steps. Every rank knows all documents and masks: only keys that some query
// of the receiver sees are sent, straight from their owner, and the gradients of them straight back. The tokens of a
// rank are two chunks (lib/nn/context_runs.h), so that the work of all is the same. On the host only so far.
#pragma once
#include "kernels/attention.h"
#include "lib/nn/pass.h"

namespace hearth::nn {

struct RingAttention {
  Tensor q, k, v;  // [tokens, heads or kv_heads, head_dim], this rank's
  Tensor o;        // [tokens, heads, head_dim]
  Tensor lse;      // [heads * tokens] f32: [heads, tokens of the run] of the one run, then of the other
  kernels::AttentionMask mask;
  float scale = 1;
};

// q, k, v to o and lse. Collective over the context ranks.
void ring_attention(const Pass& pass, const RingAttention& args);
// d_o [tokens, heads, head_dim] to dq, dk, dv, shaped as q, k, v.
void ring_attention_backward(const Pass& pass, const RingAttention& args, const Tensor& d_o, const Tensor& dq,
                             const Tensor& dk, const Tensor& dv);

}  // namespace hearth::nn
