// SPDX-License-Identifier: Apache-2.0
// Each sequence's keys and values brought together, then attention as it is trained, of which the last queries are
// kept.
#include "kernels/attention_decode.h"

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {
namespace {

// The first `width` of the `row_width` elements of every head, of `length` positions in order.
Values gathered(const Values& pages, const AttentionDecodeArgs& args, std::int64_t sequence, std::int64_t length,
                std::int64_t row_width, std::int64_t width) {
  const std::int64_t page_tokens = args.k_pages.shape[1], heads = args.k_pages.shape[2];
  const std::vector<std::int64_t> table = read_indices(args.page_table);
  Values rows;
  for (std::int64_t at = 0; at < length; ++at) {
    const std::int64_t page = table[sequence * args.page_table.shape[1] + at / page_tokens];
    for (std::int64_t head = 0; head < heads; ++head) {
      const auto from = pages.begin() + ((page * page_tokens + at % page_tokens) * heads + head) * row_width;
      rows.insert(rows.end(), from, from + width);
    }
  }
  return rows;
}

}  // namespace

void attention_decode(Stream& stream, const AttentionDecodeArgs& args) {
  const std::int64_t tokens = args.q.shape[0], q_heads = args.q.shape[1], head_dim = args.q.shape[2];
  const std::int64_t kv_heads = args.k_pages.shape[2], v_dim = args.o.shape[2];
  const Values all_q = read(args.q), k_pages = read(args.k_pages),
               v_pages = read(args.v_pages ? args.v_pages : args.k_pages);
  const std::vector<std::int64_t> begin = read_indices(args.cu_seqlens), lengths = read_indices(args.lengths);
  Values all_o(tokens * q_heads * v_dim), all_lse(q_heads * tokens);
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    const std::int64_t length = lengths[s], queries = begin[s + 1] - begin[s], before = length - queries;
    if (queries == 0) continue;
    const auto sequence = static_cast<std::int64_t>(s);
    Values k = gathered(k_pages, args, sequence, length, head_dim, head_dim);
    Values v = gathered(v_pages, args, sequence, length, args.v_pages ? v_dim : head_dim, v_dim);
    Values q(length * q_heads * head_dim), o(length * q_heads * v_dim), lse(q_heads * length);
    std::copy_n(all_q.begin() + begin[s] * q_heads * head_dim, queries * q_heads * head_dim,
                q.begin() + before * q_heads * head_dim);
    std::int32_t cu_seqlens[2] = {0, static_cast<std::int32_t>(length)};
    attention(stream, {.q = {q.data(), {length, q_heads, head_dim}},
                       .k = {k.data(), {length, kv_heads, head_dim}},
                       .v = {v.data(), {length, kv_heads, v_dim}},
                       .cu_seqlens = {cu_seqlens, {2}},
                       .sinks = args.sinks,
                       .o = {o.data(), {length, q_heads, v_dim}},
                       .lse = {lse.data(), {q_heads, length}},
                       .mask = args.mask,
                       .scale = args.scale,
                       .softcap = args.softcap});
    std::copy_n(o.begin() + before * q_heads * v_dim, queries * q_heads * v_dim,
                all_o.begin() + begin[s] * q_heads * v_dim);
    for (std::int64_t head = 0; head < q_heads; ++head)
      std::copy_n(lse.begin() + head * length + before, queries, all_lse.begin() + head * tokens + begin[s]);
  }
  write(args.o, all_o);
  write(args.lse, all_lse);
}

}  // namespace hearth::kernels::ref
