// SPDX-License-Identifier: Apache-2.0
// What the ranks that hold the same parameters share out among them (ZeRO, Rajbhandari et al. 2020; FSDP, Zhao et al.
// 2023), and which rows of each parameter a rank owns: it keeps their masters and the optimiser's state, and steps
// them.
//
//   optimizer   nothing else is shared out: every rank has all weights and gradients (stage 1)
//   gradients   whole gradients are there of two units at a time, summed over the ranks as soon as a unit's backward
//               pass of a microbatch is done, and added up by the owners (stage 2)
//   parameters  whole weights as well: brought together before a unit is used, forward and backward (stage 3)
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/nn/parameter_spec.h"

namespace hearth::nn {

enum class Shard { optimizer, gradients, parameters };
std::string_view name_of(Shard shard);
Shard shard_from_name(std::string_view name);  // Throws Error{usage} that lists them.

struct ShardSettings {
  Shard shard = Shard::optimizer;
  bool whole_matrices = true;  // a rank owns matrices whole, as Muon needs; false: any rows
};

// A parameter to be cut among ranks: its rows, how many may not part, and the elements of a row.
struct Cuttable {
  std::int64_t rows = 0, together = 1;  // no rows: not among those cut
  double row_elements = 0;
  std::size_t unit = 0;
};
// By rank and parameter: of each unit the ranks have runs of rows one after another, in rank order, so that the rank
// with most elements of the units so far has as few as can be. Collectives over one unit are so spread over the ranks,
// and memory over all units is even to within what may not part.
std::vector<std::vector<RowRange>> cut(const std::vector<Cuttable>& parameters, int n_ranks);

// The fewest rows of what a rank holds that hold matrices whole.
std::int64_t rows_of_whole_matrices(const ParameterSpec& spec);

// Which of the ranks that hold the same values of a parameter this one is (tensor ranks apart), and how many they are.
struct RankAmong {
  int rank = 0, n_ranks = 1;
};
RankAmong rank_among(const Parallel& parallel, Copies copies);

class Sharding {
 public:
  // specs: what a rank holds; all ranks of a stage cut alike. What is not trained is not cut: everyone's.
  Sharding(const std::vector<ParameterSpec>& specs, const Parallel& parallel, bool whole_matrices);

  // rank: as of rank_among.
  RowRange rows(std::size_t parameter, int rank) const { return rows_[parameter][static_cast<std::size_t>(rank)]; }
  // What a rank of the stage owns of a parameter.
  RowRange rows(std::size_t parameter, const Parallel& of) const {
    return rows(parameter, rank_among(of, copies_[parameter]).rank);
  }

 private:
  std::vector<Copies> copies_;               // by parameter
  std::vector<std::vector<RowRange>> rows_;  // by parameter and rank
};

// Among the ranks of a stage with the same place in their tensor group the one that owns most.
Parallel fullest_rank(const std::vector<ParameterSpec>& specs, const Parallel& parallel, bool whole_matrices);

}  // namespace hearth::nn
