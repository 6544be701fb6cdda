// SPDX-License-Identifier: Apache-2.0
// Which of the implementations of attention answers.
#include "kernels/attention.h"

#include "kernels/backend.h"
#include "kernels/cuda/attention_dnn.h"
#include "kernels/cuda/attention_fast.h"
#include "kernels/cuda/attention_rows.h"

namespace hearth::kernels::cuda {
namespace {

using Choice = GpuKernels::Attention;

// What each choice takes first; where that does not do an operand, our own answer, but cuDNN asked for by name fails.
// `automatic` goes by what is published of Hopper (cuDNN's forward pass is about twice as fast as FlashAttention 2's
// way, which is ours) and by the promise of same bits, which its backward pass does not keep.
struct Row {
  Choice choice;
  bool dnn_forward, dnn_backward, or_fails;
};
constexpr Row table[] = {
    {Choice::portable, false, false, false},
    {Choice::automatic, true, false, false},
    {Choice::cudnn, true, true, true},
};

const Row& row_of(const Stream& stream) {
  return table[static_cast<std::size_t>(stream.gpu_kernels().attention)];
}

// Whether cuDNN did it. reason: what it said, empty if it did.
bool done(const Row& row, const std::string& reason) {
  if (reason.empty()) return true;
  if (row.or_fails)
    throw Error(Kind::config,
                "--attention cudnn: not for this model or machine (" + reason + "): take portable or auto");
  return false;
}

}  // namespace

void attention(Stream& stream, const AttentionArgs& args) {
  const Row& row = row_of(stream);
  if (row.dnn_forward && done(row, attention_by_dnn(stream, args))) return;
  if (!attention_fast(stream, args)) attention_by_rows(stream, args);
}

void attention_backward(Stream& stream, const AttentionBackwardArgs& args) {
  const Row& row = row_of(stream);
  if (row.dnn_backward && done(row, attention_backward_by_dnn(stream, args))) return;
  if (!attention_backward_fast(stream, args)) attention_backward_by_rows(stream, args);
}

}  // namespace hearth::kernels::cuda
