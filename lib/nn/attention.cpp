// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/attention.h"

#include "kernels/attention.h"
#include "kernels/norm_rope.h"
#include "kernels/rope.h"
#include "lib/nn/context_ring.h"
#include "lib/nn/head_exchange.h"
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

// Queries or keys as the projection gave them (y itself without a norm), normed and turned to their positions.
void place(const Pass& pass, const Tensor& projected, const Parameter* weight, const Tensor& cos_sin, const Tensor& y,
           const Tensor& rstd) {
  if (weight != nullptr && cos_sin) {
    kernels::norm_rope(pass.on(), {.x = projected,
                                   .weight = weight->weight,
                                   .cos_sin = cos_sin,
                                   .y = y,
                                   .rstd = rstd,
                                   .epsilon = pass.epsilon});
  } else if (weight != nullptr) {
    norm(pass, projected, weight, y, rstd);
  } else if (cos_sin) {
    kernels::rope(pass.on(), {.x = y, .cos_sin = cos_sin, .y = y});
  }
}

// d: the gradient of what place made, overwritten by that of what it took.
void place_backward(const Pass& pass, const Tensor& d, const Tensor& projected, const Parameter* weight,
                    const Tensor& cos_sin, const Tensor& rstd) {
  if (weight != nullptr && cos_sin) {
    kernels::norm_rope_backward(pass.on(), {.dy = d,
                                            .x = projected,
                                            .weight = weight->weight,
                                            .rstd = rstd,
                                            .cos_sin = cos_sin,
                                            .dx = d,
                                            .dweight = weight->gradient});
  } else if (weight != nullptr) {
    norm_backward(pass, d, projected, weight, rstd, {}, d);
  } else if (cos_sin) {
    kernels::rope(pass.on(), {.x = d, .cos_sin = cos_sin, .y = d, .backward = true});
  }
}
}  // namespace

AttentionLayer::AttentionLayer(const Block& block, const ParameterSet* parameters, const std::string& prefix,
                               const Parallel& parallel)
    : shape_(block.attention),
      mask_(block.mask),
      softmax_scale_(resolve_rope(block.rope, block.attention.head_dim).softmax_scale) {
  shape_.heads /= parallel.shape.tensor;
  shape_.kv_heads /= parallel.shape.tensor;
  if (parameters == nullptr) return;
  q_ = &parameters->get(prefix + "q");
  k_ = &parameters->get(prefix + "k");
  v_ = &parameters->get(prefix + "v");
  o_ = &parameters->get(prefix + "o");
  if (!shape_.qk_norm) return;
  q_norm_ = &parameters->get(prefix + "q_norm");
  k_norm_ = &parameters->get(prefix + "k_norm");
}

Tensor AttentionLayer::as_seen(const Pass& pass, const Tensor& x) const {
  if (!pass.parallel.cuts_context() || pass.ring) return x;
  const int ranks = pass.parallel.shape.context;
  return pass.arena.allocate(x.dtype, {pass.batch_tokens, x.shape[1] / ranks, x.shape[2]});
}

AttentionLayer::Saved AttentionLayer::allocate(const Pass& pass) const {
  const auto heads = [&](std::int64_t n) { return pass.arena.allocate(pass.dtype, {pass.tokens, n, shape_.head_dim}); };
  Saved saved;
  saved.q = heads(shape_.heads);
  saved.k = heads(shape_.kv_heads);
  saved.v = heads(shape_.kv_heads);
  saved.o = heads(shape_.heads);
  saved.all_q = as_seen(pass, saved.q), saved.all_k = as_seen(pass, saved.k);
  saved.all_v = as_seen(pass, saved.v), saved.all_o = as_seen(pass, saved.o);
  saved.lse = pass.floats({saved.all_o.shape[1], saved.all_o.shape[0]});
  if (pass.ring) saved.lse = saved.lse.reshaped({saved.lse.n_elements()});
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
  linear(pass, x, q_, flat(saved.q_projected));
  linear(pass, x, k_, flat(saved.k_projected));
  linear(pass, x, v_, flat(saved.v));
  if (!pass.measures()) {
    place(pass, saved.q_projected, q_norm_, cos_sin, saved.q, saved.q_rstd);
    place(pass, saved.k_projected, k_norm_, cos_sin, saved.k, saved.k_rstd);
  }
  if (pass.ring) {
    ring_attention(pass, ring_args(saved));
    return linear(pass, flat(saved.o), o_, y);
  }
  tokens_to_heads(pass, saved.q, saved.all_q);
  tokens_to_heads(pass, saved.k, saved.all_k);
  tokens_to_heads(pass, saved.v, saved.all_v);
  if (!pass.measures()) {
    kernels::attention(pass.on(), {.q = saved.all_q,
                                   .k = saved.all_k,
                                   .v = saved.all_v,
                                   .cu_seqlens = pass.batch.cu_seqlens,
                                   .sinks = {},
                                   .o = saved.all_o,
                                   .lse = saved.lse,
                                   .mask = kernel_mask(mask_),
                                   .scale = softmax_scale_,
                                   .longest = pass.batch.longest});
  }
  heads_to_tokens(pass, saved.all_o, saved.o);
  linear(pass, flat(saved.o), o_, y);
}

RingAttention AttentionLayer::ring_args(const Saved& saved) const {
  return {saved.q, saved.k, saved.v, saved.o, saved.lse, kernel_mask(mask_), softmax_scale_};
}

// All tokens of a share of the heads: d_o to the gradients of q, k and v.
void AttentionLayer::by_heads_backward(const Pass& pass, const Saved& saved, const Tensor& d_o,
                                       const Gradients& own) const {
  const Tensor all_d_o = as_seen(pass, d_o), all_dq = as_seen(pass, own.q);
  const Tensor all_dk = as_seen(pass, own.k), all_dv = as_seen(pass, own.v);
  tokens_to_heads(pass, d_o, all_d_o);
  if (!pass.measures()) {
    kernels::attention_backward(pass.on(), {.q = saved.all_q,
                                            .k = saved.all_k,
                                            .v = saved.all_v,
                                            .cu_seqlens = pass.batch.cu_seqlens,
                                            .sinks = {},
                                            .o = saved.all_o,
                                            .lse = saved.lse,
                                            .d_o = all_d_o,
                                            .dq = all_dq,
                                            .dk = all_dk,
                                            .dv = all_dv,
                                            .dsinks = {},
                                            .mask = kernel_mask(mask_),
                                            .scale = softmax_scale_,
                                            .longest = pass.batch.longest});
  }
  heads_to_tokens(pass, all_dq, own.q);
  heads_to_tokens(pass, all_dk, own.k);
  heads_to_tokens(pass, all_dv, own.v);
}

void AttentionLayer::backward(const Pass& pass, const Tensor& x, const Tensor& cos_sin, const Saved& saved,
                              const Tensor& dy, const Tensor& dx) const {
  Arena::Scope scope(pass.arena);
  const Tensor d_o = pass.arena.allocate(pass.dtype, saved.o.shape);
  const Tensor dq = pass.arena.allocate(pass.dtype, saved.q.shape);
  const Tensor dk = pass.arena.allocate(pass.dtype, saved.k.shape);
  const Tensor dv = pass.arena.allocate(pass.dtype, saved.v.shape);
  linear_backward_weight(pass, dy, flat(saved.o), o_);
  linear_backward_input(pass, dy, o_, flat(d_o));
  if (pass.ring) {
    ring_attention_backward(pass, ring_args(saved), d_o, dq, dk, dv);
  } else {
    by_heads_backward(pass, saved, d_o, {dq, dk, dv});
  }
  if (!pass.measures()) {
    place_backward(pass, dq, saved.q_projected, q_norm_, cos_sin, saved.q_rstd);
    place_backward(pass, dk, saved.k_projected, k_norm_, cos_sin, saved.k_rstd);
    linear_backward_weight(pass, flat(dq), x, q_);
    linear_backward_weight(pass, flat(dk), x, k_);
    linear_backward_weight(pass, flat(dv), x, v_);
    linear_backward_input(pass, flat(dq), q_, dx);
  }
  linear_backward_input_add(pass, flat(dk), k_, dx);
  linear_backward_input_add(pass, flat(dv), v_, dx);
}

}  // namespace hearth::nn
