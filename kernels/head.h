// SPDX-License-Identifier: Apache-2.0
// The output layer: logits and log-softmax in chunks of tokens, so the whole [tokens, vocab] never exists, and the
// gradient in the same pass when the derivatives are known beforehand.
//
//   z[t, v]           = weight[v] . hidden[t];  with softcap c > 0: z = c * tanh(z / c)
//   log_normaliser[t] = log sum over v of exp z[t, v]
//   log_prob[t]       = z[t, targets[t]] - log_normaliser[t]          (0 where targets[t] < 0: no target)
//   entropy[t]        = log_normaliser[t] - sum over v of softmax(z)[v] * z[v]
// Gradient, p = softmax(z[t]), a = dL/dlog_prob[t] (0 without a target), b = dL/dlog_normaliser[t]:
//   dz[t, v] = a * ([v == target] - p[v]) + b * p[v]  (* (1 - (z/c)^2) with softcap)
//   d_hidden = dz weight;   d_weight += dz^T hidden
// The derivatives come in one of two ways:
//   token_weight w and z_loss c:  L = sum over t of w[t] * (-log_prob[t] + c * log_normaliser[t]^2), so that a = -w and
//                                 b = 2 * w * c * log_normaliser
//                                 (tokens without a target count for neither)
//   d_log_prob, d_log_normaliser: a and b as given (after a pass without gradient, for objectives that need the results
//                                 of the whole batch first)
//
// A vocabulary in parts (Megatron, Shoeybi et al. 2019): weight holds ids [part.first, part.first + vocab), targets are
// ids of the whole, and everything above means the whole. A chunk's logits of this part exist once: part.gather brings
// what the parts say of its tokens together before their gradient. d_hidden is then a summand.
//
// dtypes: hidden, weight, d_hidden all f32 or all bf16 (dz is rounded to bf16 then, not in ref); the rest f32, logits
// and sums f32. Chunk sizes depend on the shapes alone: same bits for any number of threads; log_prob and
// log_normaliser of a token depend on that token alone.
// Aliasing: d_hidden may be hidden. Errors: Error{internal} for shapes that do not fit, Error{data} for a target >=
// vocab.
#pragma once
#include <functional>

#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct VocabularyPart {
  std::int64_t first = 0, whole = 0;  // the first id here, and ids of all parts
  std::int64_t largest = 0;           // ids of the largest part: all take as many tokens at a time as it does
  int n_parts = 1;
  // own [2, n] f32 of every part, in their order, to all [n_parts, 2, n]; in the stream's order. None: the whole.
  std::function<void(const Tensor& own, const Tensor& all)> gather = {};
};

struct HeadArgs {
  Tensor hidden;   // [tokens, hidden]
  Tensor weight;   // [vocab, hidden]
  Tensor targets;  // [tokens] i32, negative: none
  float softcap = 0;
  Tensor log_prob = {};        // [tokens] f32, out, or none
  Tensor log_normaliser = {};  // [tokens] f32, out, or none
  Tensor entropy = {};         // [tokens] f32, out, or none; not of a part
  Tensor token_weight = {};    // [tokens] f32; with it d_hidden is wanted
  float z_loss = 0;
  Tensor d_log_prob = {};        // [tokens] f32; with it d_hidden is wanted
  Tensor d_log_normaliser = {};  // [tokens] f32 or none (0)
  Tensor d_hidden = {};          // [tokens, hidden], out
  Tensor d_weight = {};          // [vocab, hidden] f32, added to, or none (a frozen head)
  Tensor workspace = {};         // [at least head_workspace_bytes(tokens, vocab, n_parts)] u8
  VocabularyPart part = {};
};
void head(Stream& stream, const HeadArgs& args);

// vocab: of the largest part, where there are parts.
std::int64_t head_workspace_bytes(std::int64_t tokens, std::int64_t vocab, int n_parts = 1);
std::int64_t head_chunk_tokens(std::int64_t tokens, std::int64_t vocab);  // whose logits exist at one time

// For implementations: chunk tokens of a call, and what part.gather takes for n of them, at the end of the workspace.
std::int64_t head_chunk_tokens(const HeadArgs& args);
struct HeadExchange {
  Tensor own, all;  // [2, n] and [n_parts, 2, n] f32: the target's logit (0 where it is elsewhere), the log-normaliser
};
HeadExchange head_exchange(const HeadArgs& args, std::int64_t n);

struct HeadLogitsArgs {
  Tensor hidden;  // [rows, hidden]
  Tensor weight;  // [vocab, hidden]
  float softcap = 0;
  Tensor logits;  // [rows, vocab] f32, out
};
void head_logits(Stream& stream, const HeadLogitsArgs& args);

}  // namespace hearth::kernels
