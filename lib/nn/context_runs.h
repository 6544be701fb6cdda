// SPDX-License-Identifier: Apache-2.0
// Which tokens of a microbatch a context rank has, and how a tensor goes from the batch's order to its own and back.
// Where attention exchanges heads: one run. Where it goes round a ring: two, the batch cut into twice as many chunks as
// ranks and rank r given chunks r and 2n - 1 - r, so that all have as many visible keys under a causal mask (zigzag,
// Zhu 2024). Of one rank all of it is the tensor itself.
#pragma once
#include "lib/nn/pass.h"

namespace hearth::nn {

// Where the 2n chunks of so many tokens begin; [2n + 1].
std::vector<std::int64_t> ring_bounds(std::int64_t n_tokens, int ranks);
// The runs of context rank `rank`, in the order it keeps them; the second is empty but in a ring.
std::array<comm::Piece, 2> runs_of(std::int64_t n_tokens, int rank, int ranks, bool ring);

// all [batch tokens, ...] to own [tokens, ...], and back to the places of all that are this rank's.
void take_own(const Pass& pass, const Tensor& all, const Tensor& own);
void put_own(const Pass& pass, const Tensor& own, const Tensor& all);

// x [tokens, width] of every context rank, together: [batch tokens, width], in memory from the arena.
Tensor all_of_batch(const Pass& pass, const Tensor& x);
// The same into memory that is there.
void gather_batch(const Pass& pass, const Tensor& x, const Tensor& all);

}  // namespace hearth::nn
