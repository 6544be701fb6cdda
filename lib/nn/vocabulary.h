// SPDX-License-Identifier: Apache-2.0
// The embedding among tensor ranks: each holds a run of its rows, for any vocabulary, as of the head's (head.h).
// On the host only so far: it looks at ids.
#pragma once
#include "lib/nn/pass.h"

namespace hearth::nn {

// The rows of the embedding that the batch's ids name, for the tokens whose row this rank has; zeros for the others.
void embed_own(const Pass& pass, const Parameter* embedding, const Tensor& y);
void embed_own_backward(const Pass& pass, const Parameter* embedding, const Tensor& dy);

}  // namespace hearth::nn
