// SPDX-License-Identifier: Apache-2.0
#include "lib/optim/sharding.h"

#include <algorithm>
#include <cmath>

namespace hearth::optim {

std::int64_t rows_of_whole_matrices(const nn::ParameterSpec& spec) {
  const std::int64_t rows = spec.shape[0];
  return spec.n_matrices % rows == 0 ? 1 : rows / spec.n_matrices;  // several matrices a row, or several rows a matrix
}

std::vector<Cuttable> cuttable(const std::vector<nn::ParameterSpec>& specs, bool muon, nn::Copies copies) {
  std::vector<Cuttable> all;
  for (const nn::ParameterSpec& spec : specs) {
    Cuttable each;
    if (spec.trainable() && spec.copies == copies) {
      // A matrix in parts is brought together whole, whatever steps it.
      const bool whole = spec.role == nn::Role::matrix && (muon || spec.split != nn::Split::none);
      const double elements = static_cast<double>(spec.whole.n_elements() / spec.n_whole_matrices * spec.n_matrices);
      each = {spec.shape[0], whole ? rows_of_whole_matrices(spec) : 1,
              elements / spec.n_parts / static_cast<double>(spec.shape[0])};
    }
    all.push_back(each);
  }
  return all;
}

Sharding::Sharding(const std::vector<Cuttable>& parameters, int n_ranks)
    : n_ranks_(n_ranks), rows_(static_cast<std::size_t>(n_ranks), std::vector<RowRange>(parameters.size())) {
  double total = 0;
  for (const Cuttable& each : parameters) total += static_cast<double>(each.rows) * each.row_elements;
  double before = 0;  // elements of the parameters before this one
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto& [rows, unit, row_elements] = parameters[i];
    if (rows == 0) continue;
    // The row at which rank r begins: the cut nearest to its equal share.
    const auto begin_of = [&, rows = rows, unit = unit, row_elements = row_elements](int rank) {
      const double units = (total / n_ranks_ * rank - before) / (row_elements * static_cast<double>(unit));
      return std::clamp<std::int64_t>(std::llround(units) * unit, 0, rows);
    };
    for (int rank = 0; rank < n_ranks_; ++rank) {
      const std::int64_t begin = rank == 0 ? 0 : begin_of(rank), end = rank + 1 == n_ranks_ ? rows : begin_of(rank + 1);
      rows_[static_cast<std::size_t>(rank)][i] = {begin, end - begin};
    }
    before += static_cast<double>(rows) * row_elements;
  }
}

std::vector<std::int64_t> Sharding::bounds_in(const Tensor& memory, const std::vector<Tensor>& tensors) const {
  const auto element = static_cast<std::int64_t>(size_of(memory.dtype));
  std::vector<std::int64_t> bounds{0};
  for (int rank = 1; rank < n_ranks_; ++rank) {
    std::int64_t begin = memory.n_elements();
    for (std::size_t i = tensors.size(); i-- > 0;) {
      const RowRange range = rows(i, rank);
      if (!tensors[i] || range.count == 0) continue;
      const auto at = (tensors[i].data - memory.data) +
                      static_cast<std::int64_t>(tensors[i].bytes()) / tensors[i].shape[0] * range.first;
      HEARTH_CHECK(at % element == 0, "a row begins within an element");
      begin = at / element;
    }
    bounds.push_back(begin);
  }
  bounds.push_back(memory.n_elements());
  // A rank without rows begins where the next does.
  for (std::size_t rank = bounds.size() - 1; rank-- > 1;) bounds[rank] = std::min(bounds[rank], bounds[rank + 1]);
  return bounds;
}

}  // namespace hearth::optim
