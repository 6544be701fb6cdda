// SPDX-License-Identifier: Apache-2.0
// Attention over packed sequences (documents), exact, never holding a [tokens, tokens] matrix (Dao 2023).
//
// For query i and key j of one sequence (positions counted from its start), query head h, kv head h * kv_heads /
// q_heads:
//   z[i, j] = scale * q[i] . k[j];  with softcap c > 0: z = c * tanh(z / c)
//   visible(i, j) = (not causal or j <= i) and (no window or |i - j| < window) and (no chunk or i / chunk == j / chunk)
//   lse[i]  = log(sum over visible j of exp z[i, j]  +  exp sinks[h])          (the last only with sinks)
//   o[i]    = sum over visible j of exp(z[i, j] - lse[i]) v[j]
// Backward, p = exp(z - lse), D[i] = do[i] . o[i]:
//   dv[j] = sum_i p do[i];  dz = p * (do[i] . v[j] - D[i]) (* (1 - (z/c)^2) with softcap)
//   dq[i] = scale * sum_j dz k[j];  dk[j] = scale * sum_i dz q[i];  dsinks[h] += -sum_i exp(sinks[h] - lse[i]) * D[i]
//
// dtypes: q, k, v, o and their gradients all f32 or all bf16; lse, sinks, dsinks f32. Scores, softmax and sums in f32;
// on bf16 inputs p and dz are rounded to bf16 before they multiply (not in ref).
// Determinism: keys are summed in blocks counted from the first given of their sequence, so a query's result depends on
// its own sequence alone; same bits for any number of threads. A query that sees no key gives o = 0, lse = -inf.
// On CUDA that holds for our own kernels; which others answer is the stream's choice (GpuKernels::attention).
// Aliasing: none. Errors: Error{internal} for shapes that do not fit or cu_seqlens that do not ascend from 0 to tokens.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct AttentionMask {
  bool causal = true;
  std::int64_t window = 0;  // keys seen, itself included; 0 or less: no window
  std::int64_t chunk = 0;   // length of the chunks that do not see each other; 0 or less: none
};

// Of each sequence a run of its queries and another of its keys, as context parallelism has them; without: all of both.
// k, v and their gradients then have tokens of their own. lse in the backward may be of more keys than are given here,
// and o with it: the gradients are those that the given keys contribute.
struct AttentionRuns {
  Tensor key_seqlens;             // [sequences + 1] i32: where each sequence's keys start in k and v
  Tensor first_query, first_key;  // [sequences] i32: the position of the first of each, which the mask counts from

  explicit operator bool() const { return bool(key_seqlens); }
};

// What AttentionRuns takes where tokens [query_begin, query_begin + n_queries) are the queries and [key_begin, ...) the
// keys: of each sequence the part that lies in either, maybe none.
struct AttentionCutArgs {
  Tensor cu_seqlens;  // [sequences + 1] i32, of all tokens
  std::int64_t query_begin = 0, n_queries = 0, key_begin = 0, n_keys = 0;
  Tensor cu_queries;        // [sequences + 1] i32, out: cu_seqlens of the queries
  AttentionRuns runs = {};  // out
};
void attention_cut(Stream& stream, const AttentionCutArgs& args);

// attention over some of the keys after attention over others, as if it had seen both:
//   lse' = log(exp(lse) + exp(part_lse));  o' = exp(lse - lse') o + exp(part_lse - lse') part_o
// Any number of threads gives the same bits; the order of the pieces is the caller's. Aliasing: none but in place.
struct AttentionMergeArgs {
  Tensor o;         // [tokens, q_heads, v_dim] f32, updated
  Tensor lse;       // [q_heads, tokens] f32, updated
  Tensor part_o;    // [tokens, q_heads, v_dim] f32 or bf16
  Tensor part_lse;  // [q_heads, tokens] f32
};
void attention_merge(Stream& stream, const AttentionMergeArgs& args);

struct AttentionArgs {
  Tensor q;           // [tokens, q_heads, head_dim]
  Tensor k;           // [tokens, kv_heads, head_dim], kv_heads divides q_heads
  Tensor v;           // [tokens, kv_heads, v_dim] (v_dim is head_dim but in latent attention)
  Tensor cu_seqlens;  // [sequences + 1] i32: where each sequence starts; the last is tokens
  Tensor sinks = {};  // [q_heads] f32 or none
  Tensor o;           // [tokens, q_heads, v_dim], out
  Tensor lse;         // [q_heads, tokens] f32, out
  AttentionMask mask = {};
  float scale = 1;    // usually 1 / sqrt(head_dim)
  float softcap = 0;  // 0: none
  AttentionRuns runs = {};
  std::int64_t longest = 0;  // no sequence has more tokens; 0: tokens
};
void attention(Stream& stream, const AttentionArgs& args);

struct AttentionBackwardArgs {
  Tensor q, k, v, cu_seqlens;  // as in the forward
  Tensor sinks = {};
  Tensor o, lse;       // what the forward gave
  Tensor d_o;          // [tokens, q_heads, v_dim]
  Tensor dq, dk, dv;   // shaped as q, k, v, out (overwritten)
  Tensor dsinks = {};  // [q_heads] f32, added to; none if and only if sinks is none
  AttentionMask mask = {};
  float scale = 1;
  float softcap = 0;
  AttentionRuns runs = {};
  std::int64_t longest = 0;
};
void attention_backward(Stream& stream, const AttentionBackwardArgs& args);

}  // namespace hearth::kernels
