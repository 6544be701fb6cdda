// SPDX-License-Identifier: Apache-2.0
// Which rows of each parameter a rank keeps the optimiser's state of, and steps (stage 1 of ZeRO, Rajbhandari et al.
// 2020): the parameters one after another, cut into as many runs as there are ranks, of about equal numbers of
// elements. A cut falls between rows (axis 0), and where matrices must stay whole between those, so that any rank
// count steps every matrix the same way.
#pragma once
#include <cstdint>
#include <vector>

#include "lib/base/tensor.h"
#include "lib/nn/parameters.h"

namespace hearth::optim {

struct RowRange {
  std::int64_t first = 0, count = 0;
};

// A parameter to be cut: its rows, how many may not part, and the elements that a row stands for (so many that tensor
// ranks with parts of slightly different sizes cut alike).
struct Cuttable {
  std::int64_t rows = 0, unit = 1;  // no rows: not among those cut
  double row_elements = 0;
};
// The fewest rows of what a rank holds that hold matrices whole.
std::int64_t rows_of_whole_matrices(const nn::ParameterSpec& spec);
// Those of the specs whose values the same ranks hold, for Muon or not.
std::vector<Cuttable> cuttable(const std::vector<nn::ParameterSpec>& specs, bool muon, nn::Copies copies);

class Sharding {
 public:
  Sharding(const std::vector<Cuttable>& parameters, int n_ranks);

  int n_ranks() const { return n_ranks_; }
  // Of a parameter that is not cut: none.
  RowRange rows(std::size_t parameter, int rank) const { return rows_[static_cast<std::size_t>(rank)][parameter]; }
  // Where each rank's rows begin within memory that holds the parameters' tensors one after another, in elements of
  // `memory` (n_ranks + 1, from 0 to all of it): for the collectives that reduce or gather them. tensors[i]: parameter
  // i's tensor in that memory, none where it has none.
  std::vector<std::int64_t> bounds_in(const Tensor& memory, const std::vector<Tensor>& tensors) const;

 private:
  int n_ranks_;
  std::vector<std::vector<RowRange>> rows_;  // by rank and parameter
};

}  // namespace hearth::optim
