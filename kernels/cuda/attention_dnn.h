// SPDX-License-Identifier: Apache-2.0
// Attention by cuDNN: bf16 on Hopper, packed sequences, causal or not, with a window, grouped heads, values narrower
// than keys. The gradients' sums over blocks are not in a fixed order there: their last bits differ between runs.
#pragma once
#include <string>

#include "kernels/attention.h"

namespace hearth::kernels::cuda {

// Both do the op, or nothing, and then say why; empty: done.
std::string attention_by_dnn(Stream& stream, const AttentionArgs& args);
std::string attention_backward_by_dnn(Stream& stream, const AttentionBackwardArgs& args);

}  // namespace hearth::kernels::cuda
