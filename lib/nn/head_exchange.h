// SPDX-License-Identifier: Apache-2.0
// Context parallelism: each rank of the context group has a run of the tokens, but in attention all tokens of a share
// of the heads (Ulysses, Jacobs et al. 2023): what is asked of a query's documents, window or chunk is then the
// kernel's, and the work is the same on all ranks. On the host only so far. The other way is context_ring.h.
#pragma once
#include "lib/nn/pass.h"

namespace hearth::nn {

// own [tokens, heads, head_dim] of every context rank becomes all [batch tokens, heads / ranks, head_dim], and back.
// Of one rank they are the same tensor, and nothing is done.
void tokens_to_heads(const Pass& pass, const Tensor& own, const Tensor& all);
void heads_to_tokens(const Pass& pass, const Tensor& all, const Tensor& own);

}  // namespace hearth::nn
