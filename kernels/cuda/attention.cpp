// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention.h"

#include "kernels/backend.h"
#include "kernels/cuda/attention_fast.h"
#include "kernels/cuda/attention_rows.h"

namespace hearth::kernels::cuda {

void attention(Stream& stream, const AttentionArgs& args) {
  if (!attention_fast(stream, args)) attention_by_rows(stream, args);
}

void attention_backward(Stream& stream, const AttentionBackwardArgs& args) {
  if (!attention_backward_fast(stream, args)) attention_backward_by_rows(stream, args);
}

}  // namespace hearth::kernels::cuda
