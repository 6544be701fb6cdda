// SPDX-License-Identifier: Apache-2.0
// Attention over packed sequences as graphs of cuDNN, which recognises them and runs its fused kernels: batches are the
// sequences, whose rows lie one after another as kernels/attention.h has them ("ragged").
#pragma once
#include <compare>

#include "kernels/cuda/dnn/graph.h"

namespace hearth::kernels::cuda::dnn {

struct AttentionShape {
  std::int64_t tokens = 0, sequences = 0, longest = 0;  // longest: no sequence has more tokens
  std::int64_t q_heads = 0, kv_heads = 0, head_dim = 0, v_dim = 0;
  bool causal = true;
  std::int64_t window = 0;  // as AttentionMask has it
  float scale = 1;
  auto operator<=>(const AttentionShape&) const = default;
};

// What a run names. Statistics (stats, row_dots) lie [tokens, q_heads] here.
enum AttentionId : std::int64_t {
  q = 1,
  k,
  v,
  o,
  stats,
  d_o,
  dq,
  dk,
  dv,
  lengths,  // [sequences] i32
  q_starts,
  k_starts,
  v_starts,
  o_starts,
  stats_starts,  // [sequences + 1] i64, elements
  row_dots,      // [tokens, q_heads] f32: d_o . o
  dq_sums,       // [tokens, q_heads, head_dim] f32
  dk_heads,
  dv_heads,  // bf16, as dk and dv but for every query head; only with fewer kv heads
};

Graph attention_forward_graph(const Library& library, const AttentionShape& shape);
Graph attention_backward_graph(const Library& library, const AttentionShape& shape);

}  // namespace hearth::kernels::cuda::dnn
