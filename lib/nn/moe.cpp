// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/moe.h"

#include <algorithm>

#include "kernels/grouped_gemm.h"
#include "kernels/moe.h"
#include "kernels/reduce.h"
#include "kernels/router.h"
#include "kernels/step.h"
#include "lib/nn/context_runs.h"

namespace hearth::nn {
namespace {
kernels::RouterOptions kernel_options(const Router& router) {
  const bool softmax = router.score == Router::Score::softmax;
  return {.score = softmax ? kernels::RouterScore::softmax : kernels::RouterScore::sigmoid,
          .groups = static_cast<int>(router.groups),
          .groups_kept = static_cast<int>(router.groups_kept),
          .renormalise = router.renormalise,
          .scale = static_cast<float>(router.scale)};
}
}  // namespace

MoeLayer::MoeLayer(const Moe& shape, const ParameterSet* parameters, std::int64_t layer, const std::string& prefix,
                   const Parallel& parallel)
    : shape_(shape), layer_(layer) {
  shape_.ffn /= parallel.shape.tensor;
  if (parallel.spreads_experts()) exchange_.emplace(shape, parallel);
  if (shape.shared_ffn > 0) shared_.emplace(shape.shared_ffn, parameters, prefix + "shared.", parallel);
  if (parameters == nullptr) return;
  router_ = &parameters->get(prefix + "router");
  if (shape.router.selection_bias) selection_bias_ = &parameters->get(prefix + "selection_bias");
  gate_up_ = &parameters->get(prefix + "experts.gate_up");
  down_ = &parameters->get(prefix + "experts.down");
}

MoeLayer::Saved MoeLayer::allocate(const Pass& pass, const Saved& before) const {
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
  saved.gate_up = pass.arena.allocate(pass.dtype, {exchange_ ? exchange_->room(pass) : rows, 2 * shape_.ffn});
  if (exchange_) {
    saved.arrived_counts = exchange_->allocate_counts(pass, before.arrived_counts);
    saved.arrived = exchange_->allocate(pass);
  }
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
  const auto of_layer = [&](const Tensor& all) { return all.rows(layer_, 1).reshaped({pass.batch_tokens, shape_.k}); };
  if (pass.batch.expert_choices) replay(pass, of_layer(pass.batch.expert_choices), saved);
  if (pass.batch.chosen_experts) put_own(pass, saved.expert_ids, of_layer(pass.batch.chosen_experts));
}

// What kernels::router gives where the choice is given.
void MoeLayer::replay(const Pass& pass, const Tensor& choices, const Saved& saved) const {
  take_own(pass, choices, saved.expert_ids);
  const auto ids = saved.expert_ids.span<std::int32_t>(), counts = saved.counts.span<std::int32_t>();
  const auto scores = saved.scores.span<float>(), weights = saved.weights.span<float>();
  const auto k = static_cast<std::size_t>(shape_.k), experts = static_cast<std::size_t>(shape_.experts);
  std::ranges::fill(counts, 0);
  for (std::size_t begin = 0; begin < ids.size(); begin += k) {
    const float* of_token = scores.data() + begin / k * experts;
    double sum = shape_.router.renormalise ? 1e-20 : 1;
    for (std::size_t i = begin; i < begin + k; ++i) {
      ++counts[static_cast<std::size_t>(ids[i])];
      if (shape_.router.renormalise) sum += of_token[ids[i]];
    }
    for (std::size_t i = begin; i < begin + k; ++i)
      weights[i] = static_cast<float>(shape_.router.scale * of_token[ids[i]] / sum);
  }
}

void MoeLayer::dispatch(const Pass& pass, const Saved& saved) const {
  kernels::moe_sort(pass.on(), {.expert_ids = saved.expert_ids,
                                .offsets = saved.offsets,
                                .row_of = saved.row_of,
                                .token_of = saved.token_of});
  kernels::moe_to_rows(pass.on(), {.row_of = saved.row_of, .choices = saved.weights, .rows = saved.row_weight});
}

MoeLayer::Work MoeLayer::work_of(const Pass& pass, const Tensor& x, const Saved& saved) const {
  if (!exchange_) return {x, saved.token_of, saved.offsets, saved.row_weight, saved.gate_up};
  return work_of(saved.arrived, saved.gate_up, n_rows_of(pass, {saved.arrived_counts, 0}));
}

std::int64_t MoeLayer::n_rows_of(const Pass& pass, const ExpertExchange::Round& round) const {
  return pass.measures() ? exchange_->room(pass) : exchange_->n_arrived(pass, round);
}

// Of the room for rows the n that came.
MoeLayer::Work MoeLayer::work_of(const ExpertExchange::Saved& arrived, const Tensor& gate_up, std::int64_t n) const {
  return {arrived.rows.rows(0, n), arrived.arrived_of.rows(0, n), arrived.offsets, arrived.row_weight.rows(0, n),
          gate_up.rows(0, n)};
}

// Memory for the rows of rounds after the first, if there may be any.
MoeLayer::Surplus MoeLayer::surplus(const Pass& pass) const {
  if (!exchange_->may_overflow(pass)) return {};
  return {exchange_->allocate(pass), pass.arena.allocate(pass.dtype, {exchange_->room(pass), 2 * shape_.ffn})};
}

// rows: what the experts make of their tokens, sorted by expert; without rows only gate_up is made.
void MoeLayer::experts(const Pass& pass, const Work& work, const Tensor* rows) const {
  Arena::Scope scope(pass.arena);
  const std::int64_t n = work.gather.shape[0];
  const Tensor activated = pass.arena.allocate(pass.dtype, {n, shape_.ffn});
  if (pass.measures()) return;
  kernels::grouped_gemm(pass.on(), {.x = work.x,
                                    .gather = work.gather,
                                    .weight = gate_up_->weight,
                                    .offsets = work.offsets,
                                    .y = work.gate_up,
                                    .row_weight = work.row_weight,
                                    .activated = rows != nullptr ? activated : Tensor{}});
  if (rows == nullptr) return;
  kernels::grouped_gemm(pass.on(),
                        {.x = activated, .weight = down_->weight, .offsets = work.offsets, .y = rows->rows(0, n)});
}

// The same where experts lie on several ranks; the shared expert is computed while rows are on their way, and leaves
// its result in y.
void MoeLayer::spread_experts(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& rows,
                              const Tensor* y) const {
  Arena::Scope scope(pass.arena);
  const std::int64_t room = exchange_->room(pass);
  const Tensor made = pass.arena.allocate(pass.dtype, {room, pass.hidden});
  const Tensor scratch = pass.arena.allocate(pass.dtype, {room, pass.hidden});
  exchange_->count(pass, saved.counts, saved.arrived_counts);
  if (!pass.measures()) kernels::moe_gather(pass.on(), {.x = x, .token_of = saved.token_of, .rows = rows});
  exchange_->know(pass, saved.arrived_counts);
  if (!pass.measures() && pass.ledger != nullptr) {
    kernels::at_least(pass.on(),
                      {.number = pass.ledger->rounds, .least = exchange_->n_rounds(pass, saved.arrived_counts)});
  }
  const ExpertExchange::Round first{saved.arrived_counts, 0};
  ExpertExchange::UnderWay under_way = exchange_->depart(pass, first, rows, saved.row_weight, saved.arrived);
  if (shared_) shared_->forward(pass, x, saved.shared, y);
  exchange_->arrive(pass, first, under_way, saved.arrived);
  experts(pass, work_of(pass, x, saved), y != nullptr ? &made : nullptr);
  if (y == nullptr) return;
  exchange_->give_back(pass, first, made, scratch, saved.arrived, rows);
  const Surplus more = surplus(pass);
  for_surplus(pass, saved, more, rows, [&](const ExpertExchange::Round& round) {
    experts(pass, work_of(more.arrived, more.gate_up, n_rows_of(pass, round)), &made);
    exchange_->give_back(pass, round, made, scratch, more.arrived, rows);
  });
}

// body(round) for every round after the first, once its rows are in `more`; when measuring, for one.
template <class Body>
void MoeLayer::for_surplus(const Pass& pass, const Saved& saved, const Surplus& more, const Tensor& rows,
                           const Body& body) const {
  if (!more.gate_up && !pass.measures()) return;
  const int n = pass.measures() ? 1 + exchange_->may_overflow(pass) : exchange_->n_rounds(pass, saved.arrived_counts);
  for (int number = 1; number < n; ++number) {
    Arena::Scope scope(pass.arena);
    const ExpertExchange::Round round{saved.arrived_counts, number};
    ExpertExchange::UnderWay under_way = exchange_->depart(pass, round, rows, saved.row_weight, more.arrived);
    exchange_->arrive(pass, round, under_way, more.arrived);
    body(round);
  }
}

void MoeLayer::forward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor* y) const {
  Arena::Scope scope(pass.arena);
  const Tensor rows = pass.arena.allocate(pass.dtype, {pass.tokens * shape_.k, pass.hidden});
  if (!pass.measures()) {
    route(pass, x, saved);
    dispatch(pass, saved);
  }
  if (exchange_) {
    spread_experts(pass, x, saved, rows, y);
  } else {
    experts(pass, work_of(pass, x, saved), y != nullptr ? &rows : nullptr);
    if (shared_) shared_->forward(pass, x, saved.shared, y);
  }
  if (pass.measures() || y == nullptr) return;
  kernels::moe_combine(
      pass.on(), {.rows = rows, .row_of = saved.row_of, .weights = {}, .base = shared_ ? *y : Tensor{}, .y = *y});
}

// dy: taken through work's gather. d_rows: gradients of the experts' inputs, sorted.
void MoeLayer::experts_backward(const Pass& pass, const Work& work, const Tensor& dy, const Tensor& d_rows,
                                const Tensor& d_row_weight) const {
  Arena::Scope scope(pass.arena);
  const std::int64_t n = work.gather.shape[0];
  const Tensor activated = pass.arena.allocate(pass.dtype, {n, shape_.ffn});
  if (pass.measures()) return;
  const Tensor& d_gate_up = work.gate_up;
  kernels::grouped_gemm_input_gradient(pass.on(), {.dy = dy,
                                                   .gather = work.gather,
                                                   .weight = down_->weight,
                                                   .offsets = work.offsets,
                                                   .gate_up = work.gate_up,
                                                   .row_weight = work.row_weight,
                                                   .d_gate_up = d_gate_up,
                                                   .d_row_weight = d_row_weight.rows(0, n),
                                                   .activated = activated});
  kernels::grouped_gemm_weight_gradient(
      pass.on(),
      {.dy = dy, .gather_dy = work.gather, .x = activated, .offsets = work.offsets, .dweight = down_->gradient});
  kernels::grouped_gemm_weight_gradient(
      pass.on(),
      {.dy = d_gate_up, .x = work.x, .gather_x = work.gather, .offsets = work.offsets, .dweight = gate_up_->gradient});
  kernels::grouped_gemm_input_gradient(
      pass.on(), {.dy = d_gate_up, .weight = gate_up_->weight, .offsets = work.offsets, .dx = d_rows.rows(0, n)});
}

// The same where experts lie on several ranks; d_rows and d_row_weight are those of this rank's tokens. The shared
// expert's gradient, dx, is made while rows are on their way. Rows of later rounds were not kept: they come again.
void MoeLayer::spread_experts_backward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& dy,
                                       const Tensor& dx, const Tensor& d_rows, const Tensor& d_row_weight) const {
  Arena::Scope scope(pass.arena);
  const std::int64_t room = exchange_->room(pass);
  const Tensor d_arrived = pass.arena.allocate(pass.dtype, {room, pass.hidden});
  const Tensor d_sorted = pass.arena.allocate(pass.dtype, {room, pass.hidden});
  const Tensor d_sorted_weight = pass.floats({room});
  if (!pass.measures()) kernels::moe_gather(pass.on(), {.x = dy, .token_of = saved.token_of, .rows = d_rows});
  const auto backward = [&](const ExpertExchange::Round& round, const ExpertExchange::Saved& arrived,
                            const Work& work) {
    std::vector<comm::Pending> coming = exchange_->take_gradients(pass, round, d_rows, d_arrived);
    if (shared_ && round.number == 0) shared_->backward(pass, x, saved.shared, dy, dx);
    for (comm::Pending& each : coming) each.wait(pass.on());
    experts_backward(pass, work, d_arrived.rows(0, work.gather.shape[0]), d_sorted, d_sorted_weight);
    exchange_->give_back(pass, round, d_sorted, d_arrived, arrived, d_rows);
    exchange_->give_back_weights(pass, round, d_sorted_weight, arrived, d_row_weight);
  };
  backward({saved.arrived_counts, 0}, saved.arrived, work_of(pass, x, saved));
  if (!exchange_->may_overflow(pass)) return;
  const Surplus more = surplus(pass);
  const Tensor rows = pass.arena.allocate(pass.dtype, d_rows.shape);
  if (!pass.measures() && exchange_->n_rounds(pass, saved.arrived_counts) > 1)
    kernels::moe_gather(pass.on(), {.x = x, .token_of = saved.token_of, .rows = rows});
  for_surplus(pass, saved, more, rows, [&](const ExpertExchange::Round& round) {
    const Work work = work_of(more.arrived, more.gate_up, n_rows_of(pass, round));
    experts(pass, work, nullptr);
    backward(round, more.arrived, work);
  });
}

// The gradient of x through the router, written to dx or added to it.
void MoeLayer::route_backward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& d_row_weight,
                              const Tensor& dx, bool add) const {
  Arena::Scope scope(pass.arena);
  const Tensor d_weights = pass.floats({pass.tokens, shape_.k});
  const Tensor losses = pass.floats({2});
  if (!pass.measures()) {
    kernels::moe_from_rows(pass.on(), {.row_of = saved.row_of, .rows = d_row_weight, .choices = d_weights});
    if (pass.parallel.cuts_tensors()) pass.parallel.mesh->tensor().all_reduce(pass.on(), d_weights).wait(pass.on());
  }
  // The balance is of whole documents: context ranks all look at all of the batch.
  const Tensor all_d_logits = pass.floats({pass.batch_tokens, shape_.experts});
  const bool cut = pass.parallel.cuts_context();
  const Tensor d_logits = cut ? pass.floats({pass.tokens, shape_.experts}) : all_d_logits;
  const kernels::RouterBackwardArgs args{.logits = all_of_batch(pass, saved.logits),
                                         .scores = all_of_batch(pass, saved.scores),
                                         .expert_ids = all_of_batch(pass, saved.expert_ids),
                                         .weights = all_of_batch(pass, saved.weights),
                                         .d_weights = all_of_batch(pass, d_weights),
                                         .cu_seqlens = pass.batch.cu_seqlens,
                                         .d_logits = all_d_logits,
                                         .losses = losses,
                                         .options = kernel_options(shape_.router),
                                         .balance_coefficient = pass.balance_coefficient,
                                         .coefficients = pass.scalars.router};
  if (!pass.measures()) {
    kernels::router_backward(pass.on(), args);
    if (cut) take_own(pass, all_d_logits, d_logits);
    if (pass.parallel.at.context == 0) {
      kernels::sum(pass.on(), {.x = losses.rows(0, 1), .total = pass.ledger->balance});
      kernels::sum(pass.on(), {.x = losses.rows(1, 1), .total = pass.ledger->router_z});
    }
  }
  // All tensor ranks have the same d_logits: what comes of them is the first one's summand.
  if (!pass.parallel.first_of_tensor()) {
    if (!add && !pass.measures()) pass.on().zero(dx);
    return;
  }
  linear_backward_weight(pass, d_logits, x, router_);
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
  if (exchange_) {
    spread_experts_backward(pass, x, saved, dy, dx, d_rows, d_row_weight);
  } else {
    experts_backward(pass, work_of(pass, x, saved), dy, d_rows, d_row_weight);
    if (shared_) shared_->backward(pass, x, saved.shared, dy, dx);
  }
  route_backward(pass, x, saved, d_row_weight, dx, shared_.has_value());
  if (!pass.measures()) {
    kernels::moe_combine(pass.on(), {.rows = d_rows, .row_of = saved.row_of, .weights = {}, .base = dx, .y = dx});
  }
}

}  // namespace hearth::nn
