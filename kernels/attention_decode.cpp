// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention_decode.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {
namespace {

// Lengths that hold the queries and fit the table, and the pages they need.
void check_pages(const Operands& operands, const AttentionDecodeArgs& args) {
  const std::int64_t pages = args.k_pages.shape[0], page_tokens = args.k_pages.shape[1];
  const std::int64_t most_pages = args.page_table.shape[1];
  const std::int32_t *const begin = args.cu_seqlens.as<std::int32_t>(), *const table =
                                                                            args.page_table.as<std::int32_t>();
  for (std::int64_t s = 0; s < args.lengths.shape[0]; ++s) {
    const std::int64_t length = args.lengths.as<std::int32_t>()[s], queries = begin[s + 1] - begin[s];
    const std::string of = "sequence " + std::to_string(s) + " of " + std::to_string(length) + " tokens";
    operands.require(length >= queries, of + " has " + std::to_string(queries) + " queries");
    operands.require(length <= most_pages * page_tokens,
                     of + " has room for " + std::to_string(most_pages * page_tokens));
    for (std::int64_t i = 0; i * page_tokens < length; ++i) {
      const std::int32_t page = table[s * most_pages + i];
      operands.require(page >= 0 && page < pages,
                       of + " has page " + std::to_string(page) + " of " + std::to_string(pages));
    }
  }
}

}  // namespace

void attention_decode(Stream& stream, const AttentionDecodeArgs& args) {
  const Operands operands("attention_decode");
  operands.rank("q", args.q, 3);
  operands.rank("k_pages", args.k_pages, 4);
  operands.rank("o", args.o, 3);
  operands.rank("page_table", args.page_table, 2);
  const std::int64_t tokens = args.q.shape[0], q_heads = args.q.shape[1], head_dim = args.q.shape[2];
  const std::int64_t pages = args.k_pages.shape[0], page_tokens = args.k_pages.shape[1];
  const std::int64_t kv_heads = args.k_pages.shape[2], v_dim = args.o.shape[2], sequences = args.page_table.shape[0];
  operands.check("q", args.q, args.q.shape, f32_or_bf16);
  operands.check("k_pages", args.k_pages, {pages, page_tokens, kv_heads, head_dim}, {args.q.dtype});
  operands.check_optional("v_pages", args.v_pages, {pages, page_tokens, kv_heads, v_dim}, {args.q.dtype});
  operands.require(kv_heads > 0 && q_heads % kv_heads == 0,
                   "kv_heads must divide q_heads: " + args.q.shape.text() + ", " + args.k_pages.shape.text());
  operands.require(args.v_pages || v_dim <= head_dim, "values wider than the keys they are part of");
  operands.check("page_table", args.page_table, args.page_table.shape, {DType::i32});
  operands.check("lengths", args.lengths, {sequences}, {DType::i32});
  operands.check("cu_seqlens", args.cu_seqlens, {sequences + 1}, {DType::i32});
  operands.offsets(stream, "cu_seqlens", args.cu_seqlens, tokens, true);
  operands.check_optional("sinks", args.sinks, {q_heads}, {DType::f32});
  operands.check("o", args.o, {tokens, q_heads, v_dim}, {args.q.dtype});
  operands.check_optional("lse", args.lse, {q_heads, tokens}, {DType::f32});
  operands.require(head_dim > 0 && v_dim > 0 && page_tokens > 0, "heads without width or pages without room");
  if (stream.is_host()) check_pages(operands, args);
  if (args.q.n_elements() > 0) backend_of(stream).attention_decode(stream, args);
}

}  // namespace hearth::kernels
