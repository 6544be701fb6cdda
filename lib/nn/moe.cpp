// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/moe.h"

#include "kernels/grouped_gemm.h"
#include "kernels/moe.h"
#include "kernels/reduce.h"
#include "kernels/router.h"

namespace hearth::nn {
namespace {
kernels::RouterOptions kernel_options(const Router& router) {
  return {.score = router.score == Router::Score::softmax ? kernels::RouterScore::softmax : kernels::RouterScore::sigmoid,
          .groups = static_cast<int>(router.groups),
          .groups_kept = static_cast<int>(router.groups_kept),
          .renormalise = router.renormalise,
          .scale = static_cast<float>(router.scale)};
}
}  // namespace

MoeLayer::MoeLayer(const Moe& shape, const ParameterSet* parameters, const std::string& prefix) : shape_(shape) {
  if (shape.shared_ffn > 0) shared_.emplace(shape.shared_ffn, parameters, prefix + "shared.");
  if (parameters == nullptr) return;
  router_ = &parameters->get(prefix + "router");
  if (shape.router.selection_bias) selection_bias_ = &parameters->get(prefix + "selection_bias");
  gate_up_ = &parameters->get(prefix + "experts.gate_up");
  down_ = &parameters->get(prefix + "experts.down");
}

MoeLayer::Saved MoeLayer::allocate(const Pass& pass) const {
  const std::int64_t rows = pass.tokens * shape_.k;
  Saved saved;
  saved.logits = pass.floats({pass.tokens, shape_.experts});
  saved.scores = pass.floats({pass.tokens, shape_.experts});
  saved.expert_ids = pass.indices({pass.tokens, shape_.k});
  saved.row_of = pass.indices({pass.tokens, shape_.k});
  saved.weights = pass.floats({pass.tokens, shape_.k});
  saved.counts = pass.indices({shape_.experts});
  saved.offsets = pass.indices({shape_.experts + 1});
  saved.token_of = pass.indices({rows});
  saved.row_weight = pass.floats({rows});
  saved.gate_up = pass.arena.allocate(pass.dtype, {rows, 2 * shape_.ffn});
  if (shared_) saved.shared = shared_->allocate(pass);
  return saved;
}

void MoeLayer::route(const Pass& pass, const Tensor& x, const Saved& saved) const {
  linear(pass, x, router_, saved.logits);
  kernels::router(pass.on(), {.logits = saved.logits,
                              .selection_bias = selection_bias_ != nullptr ? selection_bias_->master : Tensor{},
                              .scores = saved.scores,
                              .expert_ids = saved.expert_ids,
                              .weights = saved.weights,
                              .counts = saved.counts,
                              .options = kernel_options(shape_.router)});
}

void MoeLayer::dispatch(const Pass& pass, const Saved& saved) const {
  kernels::moe_sort(pass.on(), {.expert_ids = saved.expert_ids,
                                .offsets = saved.offsets,
                                .row_of = saved.row_of,
                                .token_of = saved.token_of});
  kernels::moe_to_rows(pass.on(), {.row_of = saved.row_of, .choices = saved.weights, .rows = saved.row_weight});
}

// rows: what the experts make of their tokens, sorted by expert; without rows only saved.gate_up is made.
void MoeLayer::experts(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor* rows) const {
  Arena::Scope scope(pass.arena);
  const Tensor activated = pass.arena.allocate(pass.dtype, {pass.tokens * shape_.k, shape_.ffn});
  if (pass.measures()) return;
  kernels::grouped_gemm(pass.on(), {.x = x,
                                    .gather = saved.token_of,
                                    .weight = gate_up_->weight,
                                    .offsets = saved.offsets,
                                    .y = saved.gate_up,
                                    .row_weight = saved.row_weight,
                                    .activated = rows != nullptr ? activated : Tensor{}});
  if (rows == nullptr) return;
  kernels::grouped_gemm(pass.on(),
                        {.x = activated, .weight = down_->weight, .offsets = saved.offsets, .y = *rows});
}

void MoeLayer::forward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor* y) const {
  Arena::Scope scope(pass.arena);
  const Tensor rows = pass.arena.allocate(pass.dtype, {pass.tokens * shape_.k, pass.hidden});
  if (!pass.measures()) {
    route(pass, x, saved);
    dispatch(pass, saved);
  }
  experts(pass, x, saved, y != nullptr ? &rows : nullptr);
  if (shared_) shared_->forward(pass, x, saved.shared, y);
  if (pass.measures() || y == nullptr) return;
  kernels::moe_combine(
      pass.on(), {.rows = rows, .row_of = saved.row_of, .weights = {}, .base = shared_ ? *y : Tensor{}, .y = *y});
}

// d_rows: gradients of the experts' inputs, of which each token has k.
void MoeLayer::experts_backward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& dy,
                                const Tensor& d_rows, const Tensor& d_row_weight) const {
  Arena::Scope scope(pass.arena);
  const Tensor activated = pass.arena.allocate(pass.dtype, {d_rows.shape[0], shape_.ffn});
  if (pass.measures()) return;
  const Tensor& d_gate_up = saved.gate_up;
  kernels::grouped_gemm_input_gradient(pass.on(), {.dy = dy,
                                                   .gather = saved.token_of,
                                                   .weight = down_->weight,
                                                   .offsets = saved.offsets,
                                                   .gate_up = saved.gate_up,
                                                   .row_weight = saved.row_weight,
                                                   .d_gate_up = d_gate_up,
                                                   .d_row_weight = d_row_weight,
                                                   .activated = activated});
  kernels::grouped_gemm_weight_gradient(pass.on(), {.dy = dy,
                                                    .gather_dy = saved.token_of,
                                                    .x = activated,
                                                    .offsets = saved.offsets,
                                                    .dweight = down_->gradient});
  kernels::grouped_gemm_weight_gradient(pass.on(), {.dy = d_gate_up,
                                                    .x = x,
                                                    .gather_x = saved.token_of,
                                                    .offsets = saved.offsets,
                                                    .dweight = gate_up_->gradient});
  kernels::grouped_gemm_input_gradient(
      pass.on(), {.dy = d_gate_up, .weight = gate_up_->weight, .offsets = saved.offsets, .dx = d_rows});
}

// The gradient of x through the router, written to dx or added to it.
void MoeLayer::route_backward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& d_row_weight,
                              const Tensor& dx, bool add) const {
  Arena::Scope scope(pass.arena);
  const Tensor d_weights = pass.floats({pass.tokens, shape_.k});
  const Tensor d_logits = pass.floats({pass.tokens, shape_.experts});
  const Tensor losses = pass.floats({2});
  if (!pass.measures()) {
    kernels::moe_from_rows(pass.on(), {.row_of = saved.row_of, .rows = d_row_weight, .choices = d_weights});
    kernels::router_backward(pass.on(), {.logits = saved.logits,
                                         .scores = saved.scores,
                                         .expert_ids = saved.expert_ids,
                                         .weights = saved.weights,
                                         .d_weights = d_weights,
                                         .cu_seqlens = pass.batch.cu_seqlens,
                                         .d_logits = d_logits,
                                         .losses = losses,
                                         .options = kernel_options(shape_.router),
                                         .balance_coefficient = pass.balance_coefficient,
                                         .coefficients = pass.scalars.router});
    kernels::sum(pass.on(), {.x = losses.rows(0, 1), .total = pass.ledger->balance});
    kernels::sum(pass.on(), {.x = losses.rows(1, 1), .total = pass.ledger->router_z});
    linear_backward_weight(pass, d_logits, x, router_);
  }
  if (add) {
    linear_backward_input_add(pass, d_logits, router_, dx);
  } else {
    linear_backward_input(pass, d_logits, router_, dx);
  }
}

void MoeLayer::backward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& dy,
                        const Tensor& dx) const {
  Arena::Scope scope(pass.arena);
  const std::int64_t n_rows = pass.tokens * shape_.k;
  const Tensor d_rows = pass.arena.allocate(pass.dtype, {n_rows, pass.hidden});
  const Tensor d_row_weight = pass.floats({n_rows});
  experts_backward(pass, x, saved, dy, d_rows, d_row_weight);
  if (shared_) shared_->backward(pass, x, saved.shared, dy, dx);
  route_backward(pass, x, saved, d_row_weight, dx, shared_.has_value());
  if (!pass.measures()) {
    kernels::moe_combine(pass.on(), {.rows = d_rows, .row_of = saved.row_of, .weights = {}, .base = dx, .y = dx});
  }
}

}  // namespace hearth::nn
