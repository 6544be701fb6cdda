// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/expert_exchange.h"

#include <algorithm>

#include "kernels/moe.h"

namespace hearth::nn {

ExpertExchange::ExpertExchange(const Moe& shape, const Parallel& parallel)
    : own_experts_(shape.experts / parallel.shape.expert),
      most_choices_(std::min(shape.k, own_experts_)),
      parallel_(parallel) {}

std::int64_t ExpertExchange::most_rows(const Pass& pass) const {
  return parallel_.shape.expert * pass.most_tokens * most_choices_;
}

ExpertExchange::Saved ExpertExchange::allocate(const Pass& pass) const {
  const std::int64_t most = most_rows(pass);
  return {.counts = pass.indices({parallel_.shape.expert, own_experts_}),
          .rows = pass.arena.allocate(pass.dtype, {most, pass.hidden}),
          .row_of = pass.indices({most, 1}),
          .arrived_of = pass.indices({most}),
          .offsets = pass.indices({own_experts_ + 1}),
          .row_weight = pass.floats({most})};
}

std::vector<std::int64_t> ExpertExchange::sent(const Routed& routed) const {
  const auto offsets = routed.offsets.span<std::int32_t>();
  std::vector<std::int64_t> rows;
  for (std::size_t e = 0; e + 1 < offsets.size(); e += static_cast<std::size_t>(own_experts_))
    rows.push_back(offsets[e + static_cast<std::size_t>(own_experts_)] - offsets[e]);
  return rows;
}

std::vector<std::int64_t> ExpertExchange::received(const Saved& saved) const {
  const auto counts = saved.counts.span<std::int32_t>();
  std::vector<std::int64_t> rows;
  for (auto at = counts.begin(); at != counts.end(); at += own_experts_) {
    rows.push_back(0);
    for (auto each = at; each != at + own_experts_; ++each) rows.back() += *each;
  }
  return rows;
}

std::int64_t ExpertExchange::n_received(const Saved& saved) {
  std::int64_t n = 0;
  for (const std::int32_t count : saved.counts.span<std::int32_t>()) n += count;
  return n;
}

ExpertExchange::UnderWay ExpertExchange::depart(const Pass& pass, const Tensor& rows, const Routed& routed,
                                                const Saved& saved) const {
  UnderWay under_way;
  under_way.arrived_weights = pass.floats({most_rows(pass)});
  const Tensor own_counts = pass.indices({parallel_.shape.expert * own_experts_});
  if (pass.measures()) return under_way;
  HEARTH_CHECK(pass.on_host(), "experts are spread on the host only so far");
  comm::Communicator& group = parallel_.mesh->expert();
  const auto offsets = routed.offsets.span<std::int32_t>(), counts = own_counts.span<std::int32_t>();
  for (std::size_t e = 0; e < counts.size(); ++e) counts[e] = offsets[e + 1] - offsets[e];
  const std::vector<std::int64_t> each(static_cast<std::size_t>(group.size()), own_experts_);
  group.all_to_all(pass.on(), own_counts, each, saved.counts.reshaped(own_counts.shape), each).wait(pass.on());
  under_way.rows = group.all_to_all(pass.on(), rows, sent(routed), saved.rows, received(saved));
  under_way.weights =
      group.all_to_all(pass.on(), routed.row_weight, sent(routed), under_way.arrived_weights, received(saved));
  return under_way;
}

void ExpertExchange::arrive(const Pass& pass, UnderWay& under_way, const Saved& saved) const {
  Arena::Scope scope(pass.arena);
  const Tensor expert_of = pass.indices({most_rows(pass), 1});
  if (pass.measures()) return;
  under_way.rows.wait(pass.on());
  under_way.weights.wait(pass.on());
  const std::int64_t n = n_received(saved);
  const auto counts = saved.counts.span<std::int32_t>();
  auto* expert = expert_of.as<std::int32_t>();
  for (std::size_t i = 0; i < counts.size(); ++i)
    expert = std::fill_n(expert, counts[i], static_cast<std::int32_t>(i % static_cast<std::size_t>(own_experts_)));
  kernels::moe_sort(pass.on(), {.expert_ids = expert_of.rows(0, n),
                                .offsets = saved.offsets,
                                .row_of = saved.row_of.rows(0, n),
                                .token_of = saved.arrived_of.rows(0, n)});
  kernels::moe_to_rows(pass.on(), {.row_of = saved.row_of.rows(0, n),
                                   .choices = under_way.arrived_weights.rows(0, n).reshaped({n, 1}),
                                   .rows = saved.row_weight.rows(0, n)});
}

void ExpertExchange::give_back(const Pass& pass, const Tensor& sorted, const Tensor& scratch, const Routed& routed,
                               const Saved& saved, const Tensor& rows) const {
  if (pass.measures()) return;
  const std::int64_t n = n_received(saved);
  kernels::moe_gather(
      pass.on(),
      {.x = sorted.rows(0, n), .token_of = saved.row_of.rows(0, n).reshaped({n}), .rows = scratch.rows(0, n)});
  parallel_.mesh->expert().all_to_all(pass.on(), scratch, received(saved), rows, sent(routed)).wait(pass.on());
}

void ExpertExchange::give_back_weights(const Pass& pass, const Tensor& sorted, const Routed& routed, const Saved& saved,
                                       const Tensor& rows) const {
  Arena::Scope scope(pass.arena);
  const Tensor arrived = pass.floats({most_rows(pass), 1});
  if (pass.measures()) return;
  const std::int64_t n = n_received(saved);
  kernels::moe_from_rows(pass.on(),
                         {.row_of = saved.row_of.rows(0, n), .rows = sorted.rows(0, n), .choices = arrived.rows(0, n)});
  parallel_.mesh->expert()
      .all_to_all(pass.on(), arrived.reshaped(sorted.shape), received(saved), rows, sent(routed))
      .wait(pass.on());
}

void ExpertExchange::take_gradients(const Pass& pass, const Tensor& d_rows, const Routed& routed, const Saved& saved,
                                    const Tensor& d_arrived) const {
  if (pass.measures()) return;
  parallel_.mesh->expert().all_to_all(pass.on(), d_rows, sent(routed), d_arrived, received(saved)).wait(pass.on());
}

}  // namespace hearth::nn
