// SPDX-License-Identifier: Apache-2.0
// The ranks of a run as a grid: data, pipeline, context and tensor dimensions, and experts folded over the data and
// context ranks of a stage. Neighbours in the order below are neighbours in rank, so that the chattiest dimension
// (tensor) stays within a node:  rank = ((pipeline * data + d) * context + c) * tensor + t.
#pragma once
#include <array>
#include <memory>
#include <string>

#include "lib/comm/communicator.h"

namespace hearth::comm {

// How many ranks along each dimension. data 0: what the others leave over.
struct MeshShape {
  int data = 0, pipeline = 1, context = 1, tensor = 1;
  int expert = 1;  // divides data * context

  // The shape for so many ranks, data filled in. Throws Error{config} that says which product does not fit.
  MeshShape for_ranks(int n_ranks) const;
  int n_ranks() const { return data * pipeline * context * tensor; }
  std::string text() const;  // "--dp 4 --tp 2"; "one rank"
  bool operator==(const MeshShape&) const = default;
};

// Where a rank stands.
struct Coordinates {
  int data = 0, pipeline = 0, context = 0, tensor = 0;
  int expert = 0;  // among the ranks that share out the experts
};
Coordinates coordinates_of(const MeshShape& shape, int rank);

class Mesh {
 public:
  // Collective over world, whose size the shape must have (for_ranks). Keeps world.
  // local_size: how many of the ranks share this node's memory and cores.
  Mesh(std::unique_ptr<Communicator> world, const MeshShape& shape, int local_size = 1);
  // One rank.
  Mesh();

  const MeshShape& shape() const { return shape_; }
  const Coordinates& coordinates() const { return coordinates_; }
  int rank() const { return world_->rank(); }
  int size() const { return world_->size(); }
  bool alone() const { return size() == 1; }
  int local_size() const { return local_size_; }

  Communicator& world() const { return *world_; }
  Communicator& data() const { return *groups_[0]; }
  Communicator& pipeline() const { return *groups_[1]; }
  Communicator& context() const { return *groups_[2]; }
  Communicator& tensor() const { return *groups_[3]; }
  Communicator& expert() const { return *groups_[4]; }
  // The ranks that hold the same parameters and see other tokens: their gradients are added.
  Communicator& replicas() const { return *groups_[5]; }         // of what is no expert
  Communicator& expert_replicas() const { return *groups_[6]; }  // of this rank's experts

 private:
  MeshShape shape_;
  int local_size_;
  Coordinates coordinates_;
  std::unique_ptr<Communicator> world_;
  std::array<std::unique_ptr<Communicator>, 7> groups_;
};

}  // namespace hearth::comm
