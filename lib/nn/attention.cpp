// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/attention.h"

#include "kernels/attention.h"
#include "kernels/rope.h"
#include "lib/nn/rope_table.h"

namespace hearth::nn {
namespace {
kernels::AttentionMask kernel_mask(const Mask& mask) {
  return {.causal = true,
          .window = mask.kind == Mask::Kind::window ? mask.size : 0,
          .chunk = mask.kind == Mask::Kind::chunk ? mask.size : 0};
}

// [tokens, heads, head_dim] as the [tokens, width] of a linear layer.
Tensor flat(const Tensor& x) { return x.reshaped({x.shape[0], x.shape[1] * x.shape[2]}); }

void rotate(const Pass& pass, const Tensor& x, const Tensor& cos_sin, const Tensor& y, bool backward) {
  if (cos_sin) kernels::rope(pass.on(), {.x = x, .cos_sin = cos_sin, .y = y, .backward = backward});
}
}  // namespace

AttentionLayer::AttentionLayer(const Block& block, const ParameterSet* parameters, const std::string& prefix)
    : shape_(block.attention),
      mask_(block.mask),
      softmax_scale_(resolve_rope(block.rope, block.attention.head_dim).softmax_scale) {
  if (parameters == nullptr) return;
  q_ = &parameters->get(prefix + "q");
  k_ = &parameters->get(prefix + "k");
  v_ = &parameters->get(prefix + "v");
  o_ = &parameters->get(prefix + "o");
  if (!shape_.qk_norm) return;
  q_norm_ = &parameters->get(prefix + "q_norm");
  k_norm_ = &parameters->get(prefix + "k_norm");
}

AttentionLayer::Saved AttentionLayer::allocate(const Pass& pass) const {
  const auto heads = [&](std::int64_t n) { return pass.arena.allocate(pass.dtype, {pass.tokens, n, shape_.head_dim}); };
  Saved saved;
  saved.q = heads(shape_.heads);
  saved.k = heads(shape_.kv_heads);
  saved.v = heads(shape_.kv_heads);
  saved.o = heads(shape_.heads);
  saved.lse = pass.floats({shape_.heads, pass.tokens});
  saved.q_projected = shape_.qk_norm ? heads(shape_.heads) : saved.q;
  saved.k_projected = shape_.qk_norm ? heads(shape_.kv_heads) : saved.k;
  if (shape_.qk_norm) {
    saved.q_rstd = pass.floats({pass.tokens * shape_.heads});
    saved.k_rstd = pass.floats({pass.tokens * shape_.kv_heads});
  }
  return saved;
}

void AttentionLayer::forward(const Pass& pass, const Tensor& x, const Tensor& cos_sin, const Saved& saved,
                             const Tensor& y) const {
  if (pass.measures()) return;
  linear(pass, x, q_, flat(saved.q_projected));
  linear(pass, x, k_, flat(saved.k_projected));
  linear(pass, x, v_, flat(saved.v));
  if (shape_.qk_norm) {
    norm(pass, saved.q_projected, q_norm_, saved.q, saved.q_rstd);
    norm(pass, saved.k_projected, k_norm_, saved.k, saved.k_rstd);
  }
  rotate(pass, saved.q, cos_sin, saved.q, false);
  rotate(pass, saved.k, cos_sin, saved.k, false);
  kernels::attention(pass.on(), {.q = saved.q,
                                 .k = saved.k,
                                 .v = saved.v,
                                 .cu_seqlens = pass.batch.cu_seqlens,
                                 .sinks = {},
                                 .o = saved.o,
                                 .lse = saved.lse,
                                 .mask = kernel_mask(mask_),
                                 .scale = softmax_scale_});
  linear(pass, flat(saved.o), o_, y);
}

void AttentionLayer::backward(const Pass& pass, const Tensor& x, const Tensor& cos_sin, const Saved& saved,
                              const Tensor& dy, const Tensor& dx) const {
  Arena::Scope scope(pass.arena);
  const Tensor d_o = pass.arena.allocate(pass.dtype, saved.o.shape);
  const Tensor dq = pass.arena.allocate(pass.dtype, saved.q.shape);
  const Tensor dk = pass.arena.allocate(pass.dtype, saved.k.shape);
  const Tensor dv = pass.arena.allocate(pass.dtype, saved.v.shape);
  if (!pass.measures()) {
    linear_backward_weight(pass, dy, flat(saved.o), o_);
    linear_backward_input(pass, dy, o_, flat(d_o));
    kernels::attention_backward(pass.on(), {.q = saved.q,
                                            .k = saved.k,
                                            .v = saved.v,
                                            .cu_seqlens = pass.batch.cu_seqlens,
                                            .sinks = {},
                                            .o = saved.o,
                                            .lse = saved.lse,
                                            .d_o = d_o,
                                            .dq = dq,
                                            .dk = dk,
                                            .dv = dv,
                                            .dsinks = {},
                                            .mask = kernel_mask(mask_),
                                            .scale = softmax_scale_});
    rotate(pass, dq, cos_sin, dq, true);
    rotate(pass, dk, cos_sin, dk, true);
    if (shape_.qk_norm) {
      norm_backward(pass, dq, saved.q_projected, q_norm_, saved.q_rstd, {}, dq);
      norm_backward(pass, dk, saved.k_projected, k_norm_, saved.k_rstd, {}, dk);
    }
    linear_backward_weight(pass, flat(dq), x, q_);
    linear_backward_weight(pass, flat(dk), x, k_);
    linear_backward_weight(pass, flat(dv), x, v_);
    linear_backward_input(pass, flat(dq), q_, dx);
  }
  linear_backward_input_add(pass, flat(dk), k_, dx);
  linear_backward_input_add(pass, flat(dv), v_, dx);
}

}  // namespace hearth::nn
