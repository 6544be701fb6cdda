// SPDX-License-Identifier: Apache-2.0
// Grouped-query attention as a module: projections, norm of each head, rope, attention within documents, projection.
#pragma once
#include "lib/nn/config.h"
#include "lib/nn/pass.h"

namespace hearth::nn {

class AttentionLayer {
 public:
  // parameters: none when only planning. Among tensor ranks each has a share of the heads.
  AttentionLayer(const Block& block, const ParameterSet* parameters, const std::string& prefix,
                 const Parallel& parallel);

  // What the backward pass needs. q and k as projected (for the norm's gradient), then as attention saw them; without
  // qk-norm these are the same memory.
  struct Saved {
    Tensor q_projected, k_projected;  // [tokens, heads or kv_heads, head_dim]
    Tensor q_rstd, k_rstd;            // [tokens * heads or kv_heads] f32
    Tensor q, k, v;                   // [tokens, heads or kv_heads, head_dim]
    Tensor o;                         // [tokens, heads, head_dim]
    // The same as attention sees them: among context ranks of all tokens of the batch, a share of the heads each.
    Tensor all_q, all_k, all_v, all_o;
    Tensor lse;  // [heads, tokens] f32, likewise; in a ring as RingAttention has it
  };
  Saved allocate(const Pass& pass) const;

  // x [tokens, hidden], normed; y [tokens, hidden], what is added to the stream, or this rank's summand of it. cos_sin:
  // from kernels::rope_table, or none without rope.
  void forward(const Pass& pass, const Tensor& x, const Tensor& cos_sin, const Saved& saved, const Tensor& y) const;
  // dx [tokens, hidden] is overwritten; weight gradients are added to.
  void backward(const Pass& pass, const Tensor& x, const Tensor& cos_sin, const Saved& saved, const Tensor& dy,
                const Tensor& dx) const;

 private:
  // Memory for what attention sees of x [tokens, heads, head_dim]: x itself but where context ranks exchange heads.
  Tensor as_seen(const Pass& pass, const Tensor& x) const;
  struct RingAttention ring_args(const Saved& saved) const;
  struct Gradients {
    Tensor q, k, v;
  };
  void by_heads_backward(const Pass& pass, const Saved& saved, const Tensor& d_o, const Gradients& own) const;

  Attention shape_;
  Mask mask_;
  float softmax_scale_;
  const Parameter *q_ = nullptr, *k_ = nullptr, *v_ = nullptr, *o_ = nullptr;
  const Parameter *q_norm_ = nullptr, *k_norm_ = nullptr;
};

}  // namespace hearth::nn
