// SPDX-License-Identifier: Apache-2.0
// Training among the ranks of a mesh: every rank computes the gradient of its share of a step's rows, steps the rows of
// the parameters it owns (nn::Sharding among those with the same parameters), and hands these around (nn::Units).
//
//   share_of ---> gradients, ledger ---> reduce ---> norm of the own rows ---> add ---> step of the own rows --->
//   spread
//
// One rank: all of it does nothing.
#pragma once
#include <cstdint>

#include "lib/comm/mesh.h"
#include "lib/nn/model.h"

namespace hearth::train {

class DataParallel {
 public:
  DataParallel(const comm::Mesh& mesh, nn::Model& model);

  // This rank's share of n rows: equal ones, in rank order.
  comm::Piece share_of(std::int64_t n) const;
  // How many passes of so many rows each rank makes over its share of n rows: all as many, the last ones empty where a
  // share is smaller, as ranks meet within a pass.
  std::int64_t n_passes(std::int64_t n, std::int64_t rows_at_once) const;
  // The gradients of the rows this rank owns, and the model's ledger, summed over all ranks.
  void reduce(Stream& stream);
  void add(Stream& stream, const Tensor& numbers);  // in place, over all ranks
  void spread(Stream& stream);                      // everyone's own rows of the weights, to everyone with the same
  bool alone() const { return mesh_.alone(); }
  // Seconds in calls among the ranks so far, waiting for the slowest included.
  double seconds() const;

 private:
  void reduce_ledger(Stream& stream);

  const comm::Mesh& mesh_;
  nn::Model& model_;
};

}  // namespace hearth::train
