// SPDX-License-Identifier: Apache-2.0
// Data parallel training with sharded optimiser state (stage 1 of ZeRO): every rank has all weights, computes the
// gradient of its share of a step's rows, steps the rows of the parameters it owns (optim::Sharding), and hands these
// around.
//
//   rows_of ---> gradients, ledger ---> reduce ---> norm of the own rows ---> add ---> step of the own rows ---> spread
//
// One rank: all of it does nothing.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "lib/comm/mesh.h"
#include "lib/nn/model.h"
#include "lib/optim/sharding.h"

namespace hearth::train {

class DataParallel {
 public:
  DataParallel(const comm::Mesh& mesh, nn::Model& model, const optim::Sharding& sharding);

  // This rank's share of n rows: equal ones, in rank order.
  comm::Piece share_of(std::int64_t n) const { return comm::piece_of(n, ranks_.rank(), ranks_.size()); }
  // The gradients of the rows this rank owns, and the model's ledger, summed over all ranks.
  void reduce(Stream& stream);
  void add(Stream& stream, const Tensor& numbers);  // in place, over all ranks
  void spread(Stream& stream);                      // everyone's own rows of the weights, to everyone
  bool alone() const { return ranks_.size() == 1; }
  // Seconds in calls among the ranks so far, waiting for the slowest included.
  double seconds() const { return ranks_.traffic().seconds; }

 private:
  comm::Communicator& ranks_;
  nn::Model& model_;
  std::vector<std::int64_t> gradient_bounds_, weight_bounds_;
};

}  // namespace hearth::train
