// SPDX-License-Identifier: Apache-2.0
// Attention without tensor cores, for f32 and for heads of any size: a warp takes a query (or, for the gradients of
// keys and values, a key) and goes through what it sees 32 at a time, first a lane each, then an element of the head a
// lane.
#pragma once
#include "kernels/attention.h"

namespace hearth::kernels::cuda {

void attention_by_rows(Stream& stream, const AttentionArgs& args);
void attention_backward_by_rows(Stream& stream, const AttentionBackwardArgs& args);

}  // namespace hearth::kernels::cuda
