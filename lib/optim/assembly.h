// SPDX-License-Identifier: Apache-2.0
// Matrices whose parts lie on the ranks of a tensor group, brought together whole on one of them each: Muon needs all
// of a matrix, and checkpoints hold whole rows. Of the rows that this rank and its tensor group own among the replicas,
// each rank of the group gets about as many elements.
//
//   parts of the gradient --gather--> whole gradient, stepped against whole masters --scatter--> parts of the weights
#pragma once
#include <vector>

#include "lib/comm/communicator.h"
#include "lib/device/memory.h"
#include "lib/nn/sharding.h"

namespace hearth::optim {

class Assembly {
 public:
  // Matrices that one rank holds whole, of a parameter.
  struct Piece {
    std::size_t parameter = 0;
    nn::RowRange part_rows;   // of what each rank of the group owns of the parameter
    nn::RowRange whole_rows;  // of the whole parameter
    Shape whole;          // [whole rows, ...]
    std::int64_t n_matrices = 0;
  };

  // rows: of each parameter what this rank owns among its replicas; the same on all ranks of the group.
  Assembly(const std::vector<nn::ParameterSpec>& specs, const std::vector<nn::RowRange>& rows, int rank, int n_ranks,
           Arena& arena);

  const std::vector<Piece>& pieces() const { return pieces_[static_cast<std::size_t>(rank_)]; }  // this rank's
  // parts[i]: of parameter i's tensor the rows this rank owns. wholes: as pieces().
  void gather(comm::Communicator& group, Stream& stream, const std::vector<Tensor>& parts,
              const std::vector<Tensor>& wholes) const;
  void scatter(comm::Communicator& group, Stream& stream, const std::vector<Tensor>& wholes,
               const std::vector<Tensor>& parts) const;

 private:
  std::int64_t part_elements(const Piece& piece) const;
  std::vector<std::int64_t> elements_by_owner() const;
  // Between the slices of this rank's whole matrices, by the rank that has the part, and where they lie in the wholes.
  template <class Copy>
  void for_slices(const std::vector<Tensor>& wholes, const Copy& copy) const;
  template <class Copy>
  void for_parts(const std::vector<Tensor>& parts, const Copy& copy) const;

  std::vector<nn::ParameterSpec> specs_;
  int rank_, n_ranks_;
  std::vector<std::vector<Piece>> pieces_;  // by owner
  Tensor parts_, slices_;                   // what is sent and received: in the order of the owners; of the parts
};

}  // namespace hearth::optim
