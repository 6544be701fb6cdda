// SPDX-License-Identifier: Apache-2.0
// The order and form of these operations is what cuDNN 9 recognises (NVIDIA's cudnn-frontend builds the same ones): a
// graph that is equal in value but built otherwise finds no kernel.
#include "kernels/cuda/dnn/attention_graphs.h"

#include <limits>

namespace hearth::kernels::cuda::dnn {
namespace {

// The tensors both graphs have.
struct Operands {
  Graph& graph;
  const AttentionShape& shape;
  Node n_tokens, q_at, k_at, v_at, o_at, stats_at;
  Extents scores, rows;

  Operands(Graph& g, const AttentionShape& s)
      : graph(g),
        shape(s),
        n_tokens(g.memory(lengths, DataType::i32, {s.sequences, 1, 1, 1}, {1, 1, 1, 1})),
        q_at(starts(q_starts)),
        k_at(starts(k_starts)),
        v_at(starts(v_starts)),
        o_at(starts(o_starts)),
        stats_at(starts(stats_starts)),
        scores{s.sequences, s.q_heads, s.longest, s.longest},
        rows{s.sequences, s.q_heads, s.longest, 1} {}

  Node starts(AttentionId id) { return graph.memory(id, DataType::i64, {shape.sequences + 1, 1, 1, 1}, {1, 1, 1, 1}); }
  // [tokens, heads, width] as [sequence, head, token, width].
  Node heads(std::int64_t id, DataType type, std::int64_t n, std::int64_t width, const Node& at) {
    return graph.memory(id, type, {shape.sequences, n, shape.longest, width},
                        {shape.longest * n * width, width, n * width, 1}, &at);
  }
  // The same as [sequence, head, width, token].
  Node heads_transposed(std::int64_t id, std::int64_t n, std::int64_t width, const Node& at) {
    return graph.memory(id, DataType::bf16, {shape.sequences, n, width, shape.longest},
                        {shape.longest * n * width, width, 1, n * width}, &at);
  }
  Node statistics(std::int64_t id) { return heads(id, DataType::f32, shape.q_heads, 1, stats_at); }

  Node score() { return graph.between(DataType::f32, scores); }
  Node truth() { return graph.between(DataType::boolean, scores); }
  Node of_rows() { return graph.between(DataType::f32, rows); }
  Node apply(Pointwise mode, const Node& x, const Node& b) { return graph.pointwise(mode, x, &b, score()); }

  Node keep_where(const Node& x, const Node& visible) {
    const Node never = graph.number(-std::numeric_limits<float>::infinity());
    return graph.pointwise(Pointwise::select, x, &never, score(), &visible);
  }
  // scale q k^T within the sequences' lengths.
  Node scaled_scores(const Node& queries, const Node& keys, const Node& scale) {
    const Node product = graph.multiply(queries, keys, score(), {.rows = &n_tokens, .columns = &n_tokens});
    return apply(Pointwise::multiply, product, scale);
  }
  Node within_lengths(const Node& x) {
    const Node row = graph.index(x, 2), column = graph.index(x, 3);
    const Node row_is = graph.pointwise(Pointwise::less, row, &n_tokens, truth());
    const Node column_is = graph.pointwise(Pointwise::less, column, &n_tokens, truth());
    return keep_where(x, graph.pointwise(Pointwise::logical_and, row_is, &column_is, truth()));
  }
  // The keys that the mask shows: none after the query, or after its window; none before the window.
  Node masked(Node x) {
    if (shape.causal || shape.window > 0) {
      Node row = graph.index(x, 2);
      const Node column = graph.index(x, 3);
      if (!shape.causal) {
        const Node reach = graph.number(static_cast<float>(shape.window - 1));
        row = apply(Pointwise::add, row, reach);
      }
      x = keep_where(x, graph.pointwise(Pointwise::greater_equal, row, &column, truth()));
    }
    if (shape.window > 0) {
      const Node row = graph.index(x, 2), column = graph.index(x, 3);
      const Node reach = graph.number(static_cast<float>(shape.window));
      const Node until = apply(Pointwise::add, column, reach);
      x = keep_where(x, graph.pointwise(Pointwise::greater, until, &row, truth()));
    }
    return x;
  }
};

}  // namespace

Graph attention_forward_graph(const Library& library, const AttentionShape& s) {
  Graph graph(library);
  Operands in(graph, s);
  const Node queries = in.heads(q, DataType::bf16, s.q_heads, s.head_dim, in.q_at);
  const Node keys = in.heads_transposed(k, s.kv_heads, s.head_dim, in.k_at);
  const Node values = in.heads(v, DataType::bf16, s.kv_heads, s.v_dim, in.v_at);
  const Node result = in.heads(o, DataType::bf16, s.q_heads, s.v_dim, in.o_at);
  const Node lse = in.statistics(stats);
  const Node scale = graph.number(s.scale);

  const Node z = in.masked(in.within_lengths(in.scaled_scores(queries, keys, scale)));
  const Node greatest = graph.reduce(Reduction::max, z, in.of_rows());
  const Node e = graph.pointwise(Pointwise::exp, in.apply(Pointwise::subtract, z, greatest), nullptr, in.score());
  const Node sum = graph.reduce(Reduction::add, e, in.of_rows());
  const Node log_sum = graph.pointwise(Pointwise::log, sum, nullptr, in.of_rows());
  graph.pointwise(Pointwise::add, greatest, &log_sum, lse);
  const Node p = graph.pointwise(Pointwise::divide, e, &sum, graph.between(DataType::bf16, in.scores));
  graph.multiply(p, values, result, {.rows = &in.n_tokens, .depth = &in.n_tokens});
  return graph;
}

Graph attention_backward_graph(const Library& library, const AttentionShape& s) {
  Graph graph(library);
  Operands in(graph, s);
  const Node queries = in.heads(q, DataType::bf16, s.q_heads, s.head_dim, in.q_at);
  const Node keys = in.heads_transposed(k, s.kv_heads, s.head_dim, in.k_at);
  const Node values = in.heads_transposed(v, s.kv_heads, s.v_dim, in.v_at);
  const Node result = in.heads(o, DataType::bf16, s.q_heads, s.v_dim, in.o_at);
  const Node gradient = in.heads(d_o, DataType::bf16, s.q_heads, s.v_dim, in.o_at);
  const Node lse = in.statistics(stats), dots = in.statistics(row_dots);
  const Node scale = graph.number(s.scale), one = graph.number(1);
  const Lengths of_keys{.rows = &in.n_tokens, .depth = &in.n_tokens};

  // row_dots = sum of d_o * o
  const Extents o_extents{s.sequences, s.q_heads, s.longest, s.v_dim};
  const Node product =
      graph.pointwise(Pointwise::multiply, gradient, &result,
                      graph.between(DataType::f32, o_extents,
                                    {s.q_heads * s.longest * s.v_dim, s.longest * s.v_dim, s.q_heads * s.v_dim, 1}));
  const Node summed = graph.reduce(Reduction::add, product, in.of_rows());
  graph.pointwise(Pointwise::multiply, summed, &one, dots);

  // p = exp(z - lse)
  Node z = in.within_lengths(in.scaled_scores(queries, keys, scale));
  z = in.masked(in.apply(Pointwise::subtract, z, lse));
  const Node p = graph.pointwise(Pointwise::exp, z, nullptr, in.score());

  // x^T y [keys, width] for every query head, and where these share keys and values, their sum.
  const auto of_all_queries = [&](const Node& x, const Node& y, AttentionId id, AttentionId full_id, const Node& at,
                                  std::int64_t width) {
    const Node transposed =
        graph.reshape(x, graph.between(DataType::bf16, in.scores,
                                       {s.q_heads * s.longest * s.longest, s.longest * s.longest, 1, s.longest}));
    const Node total = in.heads(id, DataType::bf16, s.kv_heads, width, at);
    if (s.q_heads == s.kv_heads) return graph.multiply(transposed, y, total, of_keys);
    const Node full = in.heads(full_id, DataType::bf16, s.q_heads, width, at);
    return graph.reduce(Reduction::add, graph.multiply(transposed, y, full, of_keys), total);
  };
  of_all_queries(p, gradient, dv, dv_heads, in.v_at, s.v_dim);

  // dz = p (d_o v^T - row_dots) scale
  const Node dp = graph.multiply(gradient, values, in.score(), {.rows = &in.n_tokens, .columns = &in.n_tokens});
  const Node dz =
      in.apply(Pointwise::multiply, in.apply(Pointwise::multiply, in.apply(Pointwise::subtract, dp, dots), p), scale);
  of_all_queries(dz, queries, dk, dk_heads, in.k_at, s.head_dim);

  // dq = dz k
  const Extents k_extents{s.sequences, s.kv_heads, s.longest, s.head_dim};
  const Node keys_again = graph.reshape(
      keys, graph.between(DataType::bf16, k_extents,
                          {s.longest * s.kv_heads * s.head_dim, s.head_dim, s.kv_heads * s.head_dim, 1}, &in.k_at));
  const Node sums = in.heads(dq_sums, DataType::f32, s.q_heads, s.head_dim, in.q_at);
  graph.multiply(dz, keys_again, sums, of_keys);
  graph.pointwise(Pointwise::identity, sums, nullptr, in.heads(dq, DataType::bf16, s.q_heads, s.head_dim, in.q_at));
  return graph;
}

}  // namespace hearth::kernels::cuda::dnn
