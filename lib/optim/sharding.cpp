// SPDX-License-Identifier: Apache-2.0
#include "lib/optim/sharding.h"

#include <algorithm>

namespace hearth::optim {
namespace {

// The fewest rows that may part from the rest.
std::int64_t rows_of_a_unit(const nn::ParameterSpec& spec, bool muon) {
  if (!muon || !spec.muon()) return 1;
  const std::int64_t rows = spec.shape[0];
  return spec.n_matrices % rows == 0 ? 1 : rows / spec.n_matrices;  // several matrices a row, or several rows a matrix
}

}  // namespace

Sharding::Sharding(const std::vector<nn::ParameterSpec>& specs, bool muon, int n_ranks)
    : n_ranks_(n_ranks), rows_(static_cast<std::size_t>(n_ranks), std::vector<RowRange>(specs.size())) {
  std::int64_t total = 0;
  for (const nn::ParameterSpec& spec : specs) {
    if (spec.trainable()) total += spec.shape.n_elements();
  }
  std::int64_t before = 0;  // elements of the parameters before this one
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const nn::ParameterSpec& spec = specs[i];
    if (!spec.trainable()) continue;
    const std::int64_t rows = spec.shape[0], unit = rows_of_a_unit(spec, muon);
    const std::int64_t unit_elements = spec.shape.n_elements() / rows * unit;
    // The row at which rank r begins: the cut nearest to its equal share.
    const auto begin_of = [&](int rank) {
      const std::int64_t share = static_cast<std::int64_t>(static_cast<double>(total) / n_ranks_ * rank) - before;
      return std::clamp<std::int64_t>((share + unit_elements / 2) / unit_elements * unit, 0, rows);
    };
    for (int rank = 0; rank < n_ranks_; ++rank) {
      const std::int64_t begin = rank == 0 ? 0 : begin_of(rank), end = rank + 1 == n_ranks_ ? rows : begin_of(rank + 1);
      rows_[static_cast<std::size_t>(rank)][i] = {begin, end - begin};
    }
    before += spec.shape.n_elements();
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
