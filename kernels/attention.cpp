// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {
namespace {

// What forward and backward share; returns whether there is anything to do.
template <class Args>
bool check_inputs(const Stream& stream, const Operands& operands, const Args& args) {
  const Tensor &q = args.q, &k = args.k, &v = args.v;
  operands.rank("q", q, 3);
  operands.rank("k", k, 3);
  operands.rank("v", v, 3);
  const std::int64_t tokens = q.shape[0], q_heads = q.shape[1], kv_heads = k.shape[1], v_dim = v.shape[2];
  const std::int64_t key_tokens = args.runs ? k.shape[0] : tokens;
  operands.check("q", q, q.shape, f32_or_bf16);
  operands.check("k", k, {key_tokens, kv_heads, q.shape[2]}, {q.dtype});
  operands.check("v", v, {key_tokens, kv_heads, v_dim}, {q.dtype});
  operands.require(kv_heads > 0 && q_heads % kv_heads == 0,
                   "kv_heads must divide q_heads: " + q.shape.text() + ", " + k.shape.text());
  operands.check_optional("sinks", args.sinks, {q_heads}, {DType::f32});
  operands.check("o", args.o, {tokens, q_heads, v_dim}, {q.dtype});
  operands.check("lse", args.lse, {q_heads, tokens}, {DType::f32});
  operands.offsets(stream, "cu_seqlens", args.cu_seqlens, tokens, true);
  if (args.runs) {
    const std::int64_t sequences = args.cu_seqlens.shape[0] - 1;
    operands.check("key_seqlens", args.runs.key_seqlens, args.cu_seqlens.shape, {DType::i32});
    operands.offsets(stream, "key_seqlens", args.runs.key_seqlens, key_tokens, true);
    operands.check("first_query", args.runs.first_query, {sequences}, {DType::i32});
    operands.check("first_key", args.runs.first_key, {sequences}, {DType::i32});
  }
  operands.require(q.shape[2] > 0 && v_dim > 0, "heads without width");
  return q.n_elements() > 0;
}

}  // namespace

void attention(Stream& stream, const AttentionArgs& args) {
  const Operands operands("attention");
  if (!check_inputs(stream, operands, args)) return;
  backend_of(stream).attention(stream, args);
}

void attention_backward(Stream& stream, const AttentionBackwardArgs& args) {
  const Operands operands("attention_backward");
  const bool work = check_inputs(stream, operands, args);
  operands.check("d_o", args.d_o, args.o.shape, {args.q.dtype});
  operands.check("dq", args.dq, args.q.shape, {args.q.dtype});
  operands.check("dk", args.dk, args.k.shape, {args.q.dtype});
  operands.check("dv", args.dv, args.v.shape, {args.q.dtype});
  operands.check_optional("dsinks", args.dsinks, {args.q.shape[1]}, {DType::f32});
  operands.require(bool(args.sinks) == bool(args.dsinks), "sinks and dsinks go together");
  if (work) return backend_of(stream).attention_backward(stream, args);
  stream.zero(args.dk);
  stream.zero(args.dv);
}

void attention_cut(Stream& stream, const AttentionCutArgs& args) {
  const Operands operands("attention_cut");
  operands.rank("cu_seqlens", args.cu_seqlens, 1);
  const Shape starts = args.cu_seqlens.shape, sequences{starts[0] - 1};
  operands.check("cu_seqlens", args.cu_seqlens, starts, {DType::i32});
  operands.check("cu_queries", args.cu_queries, starts, {DType::i32});
  operands.check("key_seqlens", args.runs.key_seqlens, starts, {DType::i32});
  operands.check("first_query", args.runs.first_query, sequences, {DType::i32});
  operands.check("first_key", args.runs.first_key, sequences, {DType::i32});
  operands.require(args.query_begin >= 0 && args.n_queries >= 0 && args.key_begin >= 0 && args.n_keys >= 0,
                   "runs before the first token");
  backend_of(stream).attention_cut(stream, args);
}

void attention_merge(Stream& stream, const AttentionMergeArgs& args) {
  const Operands operands("attention_merge");
  operands.rank("o", args.o, 3);
  operands.check("o", args.o, args.o.shape, {DType::f32});
  operands.check("part_o", args.part_o, args.o.shape, f32_or_bf16);
  operands.check("lse", args.lse, {args.o.shape[1], args.o.shape[0]}, {DType::f32});
  operands.check("part_lse", args.part_lse, args.lse.shape, {DType::f32});
  if (args.o.n_elements() > 0) backend_of(stream).attention_merge(stream, args);
}

}  // namespace hearth::kernels
