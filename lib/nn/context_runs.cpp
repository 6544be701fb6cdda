// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/context_runs.h"

namespace hearth::nn {
namespace {

// copy(run of the batch, begin among the rank's own) for each run of a rank.
template <class Copy>
void for_runs(const std::array<comm::Piece, 2>& runs, const Copy& copy) {
  if (runs[0].count > 0) copy(runs[0], 0);
  if (runs[1].count > 0) copy(runs[1], runs[0].count);
}

}  // namespace

std::vector<std::int64_t> ring_bounds(std::int64_t n_tokens, int ranks) {
  std::vector<std::int64_t> bounds{0};
  const auto count_of = [&](int rank) { return comm::piece_of(n_tokens, rank, ranks).count; };
  for (int rank = 0; rank < ranks; ++rank) bounds.push_back(bounds.back() + (count_of(rank) + 1) / 2);
  for (int rank = ranks; rank-- > 0;) bounds.push_back(bounds.back() + count_of(rank) / 2);
  return bounds;
}

std::array<comm::Piece, 2> runs_of(std::int64_t n_tokens, int rank, int ranks, bool ring) {
  if (!ring) return {comm::piece_of(n_tokens, rank, ranks), {}};
  const std::vector<std::int64_t> bounds = ring_bounds(n_tokens, ranks);
  const auto chunk = [&](int number) {
    const auto c = static_cast<std::size_t>(number);
    return comm::Piece{bounds[c], bounds[c + 1] - bounds[c]};
  };
  return {chunk(rank), chunk(2 * ranks - 1 - rank)};
}

void take_own(const Pass& pass, const Tensor& all, const Tensor& own) {
  if (pass.measures()) return;
  for_runs(pass.runs, [&](const comm::Piece& run, std::int64_t begin) {
    pass.on().copy(all.rows(run.begin, run.count), own.rows(begin, run.count));
  });
}

void put_own(const Pass& pass, const Tensor& own, const Tensor& all) {
  if (pass.measures()) return;
  for_runs(pass.runs, [&](const comm::Piece& run, std::int64_t begin) {
    pass.on().copy(own.rows(begin, run.count), all.rows(run.begin, run.count));
  });
}

void gather_batch(const Pass& pass, const Tensor& x, const Tensor& all) {
  if (!pass.parallel.cuts_context()) {
    if (!pass.measures() && all.data != x.data) pass.on().copy(x, all);
    return;
  }
  Arena::Scope scope(pass.arena);
  const int ranks = pass.parallel.shape.context;
  const Tensor by_rank = pass.ring ? pass.arena.allocate(x.dtype, all.shape) : all;
  if (pass.measures()) return;
  const std::vector<std::int64_t> bounds = comm::equal_bounds(pass.batch_tokens, ranks);
  pass.on().copy(x, by_rank.rows(bounds[static_cast<std::size_t>(pass.parallel.at.context)], pass.tokens));
  std::vector<std::int64_t> elements = bounds;
  const std::int64_t width = x.shape.rank() > 1 ? x.shape[1] : 1;
  for (std::int64_t& bound : elements) bound *= width;
  pass.parallel.mesh->context().gather_pieces(pass.on(), by_rank, elements).wait(pass.on());
  if (!pass.ring) return;
  for (int rank = 0; rank < ranks; ++rank) {
    const std::int64_t first = bounds[static_cast<std::size_t>(rank)];
    for_runs(runs_of(pass.batch_tokens, rank, ranks, true), [&](const comm::Piece& run, std::int64_t begin) {
      pass.on().copy(by_rank.rows(first + begin, run.count), all.rows(run.begin, run.count));
    });
  }
}

Tensor all_of_batch(const Pass& pass, const Tensor& x) {
  if (!pass.parallel.cuts_context()) return x;
  const Tensor all = pass.arena.allocate(x.dtype, {pass.batch_tokens, x.shape[1]});
  gather_batch(pass, x, all);
  return all;
}

}  // namespace hearth::nn
