// SPDX-License-Identifier: Apache-2.0
// Sequence parallelism: between the blocks each tensor rank keeps a run of the tokens (Pass::own); within them all have
// all tokens, and each gives a summand of the result. For one rank all of it is the tensor itself.
#pragma once
#include "lib/nn/pass.h"

namespace hearth::nn {

// x [own tokens, width] of every tensor rank, together: [tokens, width], in memory from the arena.
Tensor all_tokens(const Pass& pass, const Tensor& x);
// Where to leave this rank's summand of y [own tokens, width]: [tokens, width].
Tensor summand_of(const Pass& pass, const Tensor& y);
// y = the sum of everyone's summands, of the own tokens.
void add_summands(const Pass& pass, const Tensor& summand, const Tensor& y);

}  // namespace hearth::nn
