// SPDX-License-Identifier: Apache-2.0
#include "kernels/moe.h"

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {

void moe_sort(Stream&, const MoeSortArgs& args) {
  const std::vector<std::int64_t> expert_of = read_indices(args.expert_ids);
  const std::int64_t experts = args.offsets.shape[0] - 1, k = args.expert_ids.shape[1];
  std::vector<std::int64_t> offsets(experts + 1), row_of(expert_of.size()), token_of(expert_of.size());
  std::int64_t row = 0;
  for (std::int64_t expert = 0; expert < experts; ++expert) {
    for (std::size_t choice = 0; choice < expert_of.size(); ++choice) {
      if (expert_of[choice] != expert) continue;
      row_of[choice] = row;
      token_of[row++] = static_cast<std::int64_t>(choice) / k;
    }
    offsets[expert + 1] = row;
  }
  write_indices(args.offsets, offsets);
  write_indices(args.row_of, row_of);
  write_indices(args.token_of, token_of);
}

void moe_gather(Stream&, const MoeGatherArgs& args) {
  const std::int64_t hidden = args.x.shape[1];
  const std::vector<std::int64_t> token_of = read_indices(args.token_of);
  const Values x = read(args.x);
  Values rows(token_of.size() * hidden);
  for (std::size_t row = 0; row < token_of.size(); ++row) {
    for (std::int64_t i = 0; i < hidden; ++i) rows[row * hidden + i] = x[token_of[row] * hidden + i];
  }
  write(args.rows, rows);
}

void moe_combine(Stream&, const MoeCombineArgs& args) {
  const std::int64_t tokens = args.y.shape[0], hidden = args.y.shape[1], k = args.row_of.shape[1];
  const std::vector<std::int64_t> row_of = read_indices(args.row_of);
  const Values rows = read(args.rows), weights = args.weights ? read(args.weights) : Values(tokens * k, 1);
  Values y = args.base ? read(args.base) : Values(tokens * hidden);
  for (std::int64_t choice = 0; choice < tokens * k; ++choice) {
    for (std::int64_t i = 0; i < hidden; ++i) {
      y[choice / k * hidden + i] += weights[choice] * rows[row_of[choice] * hidden + i];
    }
  }
  write(args.y, y);
}

void moe_combine_backward(Stream&, const MoeCombineBackwardArgs& args) {
  const std::int64_t tokens = args.dy.shape[0], hidden = args.dy.shape[1], k = args.row_of.shape[1];
  const std::vector<std::int64_t> row_of = read_indices(args.row_of);
  const Values dy = read(args.dy), rows = read(args.rows), weights = read(args.weights);
  Values d_rows(rows.size()), d_weights(tokens * k);
  for (std::int64_t choice = 0; choice < tokens * k; ++choice) {
    for (std::int64_t i = 0; i < hidden; ++i) {
      d_rows[row_of[choice] * hidden + i] = weights[choice] * dy[choice / k * hidden + i];
      d_weights[choice] += dy[choice / k * hidden + i] * rows[row_of[choice] * hidden + i];
    }
  }
  write(args.d_rows, d_rows);
  write(args.d_weights, d_weights);
}

void moe_arrived(Stream&, const MoeArrivedArgs& args) {
  const std::vector<std::int64_t> counts = read_indices(args.counts);
  std::vector<std::int64_t> all;
  for (std::int64_t rank = 0; rank < args.counts.shape[0]; ++rank) {
    for (std::int64_t e = 0; e < args.n_here; ++e)
      all.insert(all.end(), static_cast<std::size_t>(counts[rank * args.counts.shape[1] + args.first + e]), e);
  }
  const std::int64_t n = args.expert_ids.n_elements();
  HEARTH_CHECK(args.begin + n <= static_cast<std::int64_t>(all.size()), "more rows than came");
  write_indices(args.expert_ids, {all.begin() + args.begin, all.begin() + args.begin + n});
}

void moe_to_rows(Stream&, const MoeToRowsArgs& args) {
  const std::vector<std::int64_t> row_of = read_indices(args.row_of);
  const Values choices = read(args.choices);
  Values rows(choices.size());
  for (std::size_t choice = 0; choice < choices.size(); ++choice) rows[row_of[choice]] = choices[choice];
  write(args.rows, rows);
}

void moe_from_rows(Stream&, const MoeFromRowsArgs& args) {
  const std::vector<std::int64_t> row_of = read_indices(args.row_of);
  const Values rows = read(args.rows);
  Values choices(rows.size());
  for (std::size_t choice = 0; choice < choices.size(); ++choice) choices[choice] = rows[row_of[choice]];
  write(args.choices, choices);
}

}  // namespace hearth::kernels::ref
