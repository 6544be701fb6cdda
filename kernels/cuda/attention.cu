// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/attention_rows.h"
#include "kernels/cuda/ops.h"

namespace hearth::kernels::cuda {

void attention(Stream& stream, const AttentionArgs& args) {
  attention_by_rows(stream, args);
}

void attention_backward(Stream& stream, const AttentionBackwardArgs& args) {
  attention_backward_by_rows(stream, args);
}

}  // namespace hearth::kernels::cuda
