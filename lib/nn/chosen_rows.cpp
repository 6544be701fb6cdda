// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/chosen_rows.h"

#include <algorithm>
#include <array>

#include "kernels/moe.h"
#include "lib/nn/context_runs.h"

namespace hearth::nn {

ChosenRows::ChosenRows(const Pass& pass, const Tensor& ids, std::int64_t chunk) : pass_(pass), chunk_(chunk) {
  rows_ = pass.arena.allocate(pass.dtype, {chunk, pass.hidden});
  if (!pass.parallel.cuts_context()) {
    tokens_ = pass.upload(ids);
    return;
  }
  sorted_ = pass.arena.allocate(pass.dtype, {chunk, pass.hidden});
  if (!pass.measures()) sort_by_rank(ids);
  tokens_ = pass.upload(Tensor(host_tokens_.data(), DType::i32, ids.shape));
  places_ = pass.upload(Tensor(host_places_.data(), DType::i32, ids.shape));
}

void ChosenRows::sort_by_rank(const Tensor& ids) {
  const int ranks = pass_.parallel.shape.context;
  std::vector<std::array<comm::Piece, 2>> runs;
  for (int rank = 0; rank < ranks; ++rank) runs.push_back(runs_of(pass_.batch_tokens, rank, ranks, pass_.ring));
  const auto all = ids.span<std::int32_t>();
  host_places_.resize(all.size());
  for (std::size_t begin = 0; begin < all.size(); begin += static_cast<std::size_t>(chunk_)) {
    const auto chunk = all.subspan(begin, std::min(all.size() - begin, static_cast<std::size_t>(chunk_)));
    for (const std::array<comm::Piece, 2>& of_rank : runs) {
      bounds_.push_back(static_cast<std::int64_t>(host_tokens_.size() - begin));
      for (std::size_t i = 0; i < chunk.size(); ++i) {
        std::int64_t passed = 0;  // of the rank's tokens
        for (const comm::Piece& run : of_rank) {
          const std::int64_t within = chunk[i] - run.begin;
          if (within >= 0 && within < run.count) {
            host_places_[begin + i] = static_cast<std::int32_t>(host_tokens_.size() - begin);
            host_tokens_.push_back(static_cast<std::int32_t>(passed + within));
          }
          passed += run.count;
        }
      }
    }
    bounds_.push_back(static_cast<std::int64_t>(chunk.size()));
  }
}

Tensor ChosenRows::gather(const Tensor& x, std::int64_t begin, std::int64_t count) const {
  const Tensor rows = rows_.rows(0, count);
  if (!pass_.parallel.cuts_context()) {
    kernels::moe_gather(pass_.on(), {.x = x, .token_of = tokens_.rows(begin, count), .rows = rows});
    return rows;
  }
  const auto n_bounds = static_cast<std::int64_t>(pass_.parallel.shape.context) + 1;
  const auto first = bounds_.begin() + begin / chunk_ * n_bounds;
  const std::int64_t own = first[pass_.parallel.at.context], n_own = first[pass_.parallel.at.context + 1] - own;
  const Tensor sorted = sorted_.rows(0, count);
  if (n_own > 0) {
    kernels::moe_gather(pass_.on(),
                        {.x = x, .token_of = tokens_.rows(begin + own, n_own), .rows = sorted.rows(own, n_own)});
  }
  std::vector<std::int64_t> elements(first, first + n_bounds);
  for (std::int64_t& bound : elements) bound *= pass_.hidden;
  pass_.parallel.mesh->context().gather_pieces(pass_.on(), sorted, elements).wait(pass_.on());
  kernels::moe_gather(pass_.on(), {.x = sorted, .token_of = places_.rows(begin, count), .rows = rows});
  return rows;
}

}  // namespace hearth::nn
