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
//   token_weight w and z_loss c:  L = sum over t of w[t] * (-log_prob[t] + c * log_normaliser[t]^2)   a = -w, b = 2 c w
//   lse
//                                 (tokens without a target count for neither)
//   d_log_prob, d_log_normaliser: a and b as given (after a pass without gradient, for objectives that need the results
//                                 of the whole batch first)
//
// dtypes: hidden, weight, d_hidden all f32 or all bf16 (dz is rounded to bf16 then, not in ref); the rest f32, logits
// and sums f32. Chunk sizes depend on the shapes alone: same bits for any number of threads; log_prob and
// log_normaliser of a token depend on that token alone.
// Aliasing: d_hidden may be hidden. Errors: Error{internal} for shapes that do not fit, Error{data} for a target >=
// vocab.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct HeadArgs {
  Tensor hidden;   // [tokens, hidden]
  Tensor weight;   // [vocab, hidden]
  Tensor targets;  // [tokens] i32, negative: none
  float softcap = 0;
  Tensor log_prob = {};        // [tokens] f32, out, or none
  Tensor log_normaliser = {};  // [tokens] f32, out, or none
  Tensor entropy = {};         // [tokens] f32, out, or none
  Tensor token_weight = {};    // [tokens] f32; with it d_hidden is wanted
  float z_loss = 0;
  Tensor d_log_prob = {};        // [tokens] f32; with it d_hidden is wanted
  Tensor d_log_normaliser = {};  // [tokens] f32 or none (0)
  Tensor d_hidden = {};          // [tokens, hidden], out
  Tensor d_weight = {};          // [vocab, hidden] f32, added to, or none (a frozen head)
  Tensor workspace = {};         // [at least head_workspace_bytes(tokens, vocab)] u8
};
void head(Stream& stream, const HeadArgs& args);

std::int64_t head_workspace_bytes(std::int64_t tokens, std::int64_t vocab);
std::int64_t head_chunk_tokens(std::int64_t tokens, std::int64_t vocab);  // whose logits exist at one time

struct HeadLogitsArgs {
  Tensor hidden;  // [rows, hidden]
  Tensor weight;  // [vocab, hidden]
  float softcap = 0;
  Tensor logits;  // [rows, vocab] f32, out
};
void head_logits(Stream& stream, const HeadLogitsArgs& args);

}  // namespace hearth::kernels
