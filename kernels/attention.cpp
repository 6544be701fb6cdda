// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {
namespace {

// What forward and backward share; returns whether there is anything to do.
bool check_inputs(const Stream& stream, const Operands& operands, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& cu_seqlens,
                  const Tensor& sinks, const Tensor& o, const Tensor& lse) {
  operands.rank("q", q, 3);
  operands.rank("k", k, 3);
  operands.rank("v", v, 3);
  const std::int64_t tokens = q.shape[0], q_heads = q.shape[1], kv_heads = k.shape[1], v_dim = v.shape[2];
  operands.check("q", q, q.shape, f32_or_bf16);
  operands.check("k", k, {tokens, kv_heads, q.shape[2]}, {q.dtype});
  operands.check("v", v, {tokens, kv_heads, v_dim}, {q.dtype});
  operands.require(kv_heads > 0 && q_heads % kv_heads == 0,
                   "kv_heads must divide q_heads: " + q.shape.text() + ", " + k.shape.text());
  operands.check_optional("sinks", sinks, {q_heads}, {DType::f32});
  operands.check("o", o, {tokens, q_heads, v_dim}, {q.dtype});
  operands.check("lse", lse, {q_heads, tokens}, {DType::f32});
  operands.offsets(stream, "cu_seqlens", cu_seqlens, tokens, true);
  operands.require(q.shape[2] > 0 && v_dim > 0, "heads without width");
  return q.n_elements() > 0;
}

}  // namespace

void attention(Stream& stream, const AttentionArgs& args) {
  const Operands operands("attention");
  if (!check_inputs(stream, operands, args.q, args.k, args.v, args.cu_seqlens, args.sinks, args.o, args.lse)) return;
  backend_of(stream).attention(stream, args);
}

void attention_backward(Stream& stream, const AttentionBackwardArgs& args) {
  const Operands operands("attention_backward");
  const bool work = check_inputs(stream, operands, args.q, args.k, args.v, args.cu_seqlens, args.sinks, args.o, args.lse);
  operands.check("d_o", args.d_o, args.o.shape, {args.q.dtype});
  operands.check("dq", args.dq, args.q.shape, {args.q.dtype});
  operands.check("dk", args.dk, args.k.shape, {args.q.dtype});
  operands.check("dv", args.dv, args.v.shape, {args.q.dtype});
  operands.check_optional("dsinks", args.dsinks, {args.q.shape[1]}, {DType::f32});
  operands.require(bool(args.sinks) == bool(args.dsinks), "sinks and dsinks go together");
  if (work) backend_of(stream).attention_backward(stream, args);
}

}  // namespace hearth::kernels
