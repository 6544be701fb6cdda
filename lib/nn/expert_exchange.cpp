// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/expert_exchange.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/moe.h"
#include "lib/comm/activity.h"

namespace hearth::nn {

ExpertExchange::ExpertExchange(const Moe& shape, const Parallel& parallel)
    : experts_(shape.experts), own_experts_(shape.experts / parallel.shape.expert), k_(shape.k), parallel_(parallel) {}

std::int64_t ExpertExchange::most_rows(std::int64_t most_tokens) const {
  return parallel_.shape.expert * most_tokens * std::min(k_, own_experts_);
}

std::int64_t ExpertExchange::room(std::int64_t most_tokens, double headroom) const {
  const double mean = static_cast<double>(most_tokens * k_);
  const auto asked = static_cast<std::int64_t>(std::ceil(headroom * mean));
  return std::min(most_rows(most_tokens), std::max<std::int64_t>(asked, 1));
}

ExpertExchange::Saved ExpertExchange::allocate(const Pass& pass) const {
  const std::int64_t rows = room(pass);
  return {.rows = pass.arena.allocate(pass.dtype, {rows, pass.hidden}),
          .row_of = pass.indices({rows, 1}),
          .arrived_of = pass.indices({rows}),
          .offsets = pass.indices({own_experts_ + 1}),
          .row_weight = pass.floats({rows})};
}

ExpertExchange::Counts ExpertExchange::allocate_counts(const Pass& pass, const Counts& known) const {
  return {.all = pass.indices({parallel_.shape.expert, experts_}),
          .on_host = known.on_host ? known.on_host : std::make_shared<std::vector<std::int32_t>>()};
}

void ExpertExchange::count(const Pass& pass, const Tensor& own, const Counts& counts) const {
  if (pass.measures()) return;
  const Tensor all = counts.all.reshaped({counts.all.n_elements()});
  parallel_.mesh->expert().all_gather(pass.on(), own, all).wait(pass.on());
  if (counts.on_host->empty()) pass.staging.begin_read(pass.on(), all);
}

void ExpertExchange::know(const Pass& pass, const Counts& counts) const {
  if (pass.measures() || !counts.on_host->empty()) return;
  Tensor read;
  comm::wait_for_device(pass.on_host() ? nullptr : parallel_.mesh->world().activity(),
                        [&] { read = pass.staging.end_read(); });
  const auto values = read.span<std::int32_t>();
  counts.on_host->assign(values.begin(), values.end());
}

std::int64_t ExpertExchange::count_of(const Counts& counts, int from, int to) const {
  const auto begin = counts.on_host->begin() + from * experts_ + to * own_experts_;
  return std::accumulate(begin, begin + own_experts_, std::int64_t{0});
}

int ExpertExchange::n_rounds(const Pass& pass, const Counts& counts) const {
  std::int64_t most = 1;
  for (int to = 0; to < parallel_.shape.expert; ++to) {
    std::int64_t n = 0;
    for (int from = 0; from < parallel_.shape.expert; ++from) n += count_of(counts, from, to);
    most = std::max(most, n);
  }
  return static_cast<int>((most + room(pass) - 1) / room(pass));
}

comm::Piece ExpertExchange::in_round(const Pass& pass, const Round& round, int from, int to) const {
  std::int64_t before = 0;
  for (int rank = 0; rank < from; ++rank) before += count_of(round.counts, rank, to);
  const std::int64_t n = count_of(round.counts, from, to), begin = round.number * room(pass) - before;
  const std::int64_t first = std::clamp<std::int64_t>(begin, 0, n);
  return {first, std::clamp<std::int64_t>(begin + room(pass), 0, n) - first};
}

ExpertExchange::Runs ExpertExchange::sent(const Pass& pass, const Round& round) const {
  Runs runs;
  std::int64_t begin = 0;
  for (int to = 0; to < parallel_.shape.expert; ++to) {
    const comm::Piece piece = in_round(pass, round, parallel_.at.expert, to);
    runs.push_back({begin + piece.begin, piece.count});
    begin += count_of(round.counts, parallel_.at.expert, to);
  }
  return runs;
}

ExpertExchange::Runs ExpertExchange::received(const Pass& pass, const Round& round) const {
  Runs runs;
  std::int64_t begin = 0;
  for (int from = 0; from < parallel_.shape.expert; ++from) {
    runs.push_back({begin, in_round(pass, round, from, parallel_.at.expert).count});
    begin += runs.back().count;
  }
  return runs;
}

std::int64_t ExpertExchange::n_arrived(const Pass& pass, const Round& round) const {
  return total(received(pass, round));
}

std::int64_t ExpertExchange::total(const Runs& runs) {
  return runs.back().begin + runs.back().count;
}

// In one call where all rows go, as then they lie side by side; otherwise rank by rank.
void ExpertExchange::transfer(const Pass& pass, const Round& round, const Tensor& from, const Runs& out,
                              const Tensor& to, const Runs& in, std::vector<comm::Pending>& pending) const {
  comm::Communicator& group = parallel_.mesh->expert();
  const auto rows_of = [](const Runs& runs) {
    std::vector<std::int64_t> rows;
    for (const comm::Piece& run : runs) rows.push_back(run.count);
    return rows;
  };
  if (n_rounds(pass, round.counts) == 1) {
    pending.push_back(group.all_to_all(pass.on(), from, rows_of(out), to, rows_of(in)));
    return;
  }
  const int ranks = group.size(), own = group.rank();
  const auto rows = [](const Tensor& x, const comm::Piece& run) { return x.rows(run.begin, run.count); };
  for (int step = 0; step < ranks; ++step) {
    const auto there = static_cast<std::size_t>((own + step) % ranks);
    const auto here = static_cast<std::size_t>((own + ranks - step) % ranks);
    if (step == 0) {
      pass.on().copy(rows(from, out[there]), rows(to, in[here]));
      continue;
    }
    const bool sends = out[there].count > 0, receives = in[here].count > 0;
    if (!sends && !receives) continue;
    pending.push_back(group.exchange(pass.on(), sends ? rows(from, out[there]) : Tensor{},
                                     sends ? static_cast<int>(there) : -1, receives ? rows(to, in[here]) : Tensor{},
                                     receives ? static_cast<int>(here) : -1));
  }
}

ExpertExchange::UnderWay ExpertExchange::depart(const Pass& pass, const Round& round, const Tensor& rows,
                                                const Tensor& row_weight, const Saved& saved) const {
  UnderWay under_way;
  under_way.arrived_weights = pass.floats({room(pass)});
  if (pass.measures()) return under_way;
  const Runs out = sent(pass, round), in = received(pass, round);
  transfer(pass, round, rows, out, saved.rows, in, under_way.pending);
  transfer(pass, round, row_weight, out, under_way.arrived_weights, in, under_way.pending);
  return under_way;
}

void ExpertExchange::arrive(const Pass& pass, const Round& round, UnderWay& under_way, const Saved& saved) const {
  Arena::Scope scope(pass.arena);
  const Tensor expert_of = pass.indices({room(pass), 1});
  if (pass.measures()) return;
  for (comm::Pending& each : under_way.pending) each.wait(pass.on());
  const std::int64_t n = n_arrived(pass, round);
  kernels::moe_arrived(pass.on(), {.counts = round.counts.all,
                                   .first = parallel_.at.expert * own_experts_,
                                   .n_here = own_experts_,
                                   .begin = round.number * room(pass),
                                   .expert_ids = expert_of.rows(0, n)});
  kernels::moe_sort(pass.on(), {.expert_ids = expert_of.rows(0, n),
                                .offsets = saved.offsets,
                                .row_of = saved.row_of.rows(0, n),
                                .token_of = saved.arrived_of.rows(0, n)});
  kernels::moe_to_rows(pass.on(), {.row_of = saved.row_of.rows(0, n),
                                   .choices = under_way.arrived_weights.rows(0, n).reshaped({n, 1}),
                                   .rows = saved.row_weight.rows(0, n)});
}

void ExpertExchange::give_back(const Pass& pass, const Round& round, const Tensor& sorted, const Tensor& scratch,
                               const Saved& saved, const Tensor& rows) const {
  if (pass.measures()) return;
  const Runs back = received(pass, round);
  const std::int64_t n = total(back);
  kernels::moe_gather(
      pass.on(),
      {.x = sorted.rows(0, n), .token_of = saved.row_of.rows(0, n).reshaped({n}), .rows = scratch.rows(0, n)});
  std::vector<comm::Pending> pending;
  transfer(pass, round, scratch, back, rows, sent(pass, round), pending);
  for (comm::Pending& each : pending) each.wait(pass.on());
}

void ExpertExchange::give_back_weights(const Pass& pass, const Round& round, const Tensor& sorted, const Saved& saved,
                                       const Tensor& rows) const {
  Arena::Scope scope(pass.arena);
  const Tensor arrived = pass.floats({room(pass), 1});
  if (pass.measures()) return;
  const Runs back = received(pass, round);
  const std::int64_t n = total(back);
  kernels::moe_from_rows(pass.on(),
                         {.row_of = saved.row_of.rows(0, n), .rows = sorted.rows(0, n), .choices = arrived.rows(0, n)});
  std::vector<comm::Pending> pending;
  transfer(pass, round, arrived.reshaped(sorted.shape), back, rows, sent(pass, round), pending);
  for (comm::Pending& each : pending) each.wait(pass.on());
}

std::vector<comm::Pending> ExpertExchange::take_gradients(const Pass& pass, const Round& round, const Tensor& d_rows,
                                                          const Tensor& d_arrived) const {
  std::vector<comm::Pending> pending;
  if (!pass.measures()) transfer(pass, round, d_rows, sent(pass, round), d_arrived, received(pass, round), pending);
  return pending;
}

}  // namespace hearth::nn
