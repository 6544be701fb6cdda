// SPDX-License-Identifier: Apache-2.0
// Where a rank stands among those that hold one model together, and what of it is its own. Without a mesh it is one
// rank that holds everything.
//
//   tensor    heads, feed-forward widths and the vocabulary are cut; between the blocks each rank keeps a run of the
//             tokens (sequence parallelism, Korthikanti et al. 2022)
//   expert    the experts of a layer lie on as many of the ranks that see other tokens; tokens travel to them and back
#pragma once
#include "lib/comm/mesh.h"
#include "lib/nn/config.h"

namespace hearth::nn {

struct Parallel {
  comm::MeshShape shape{.data = 1};
  comm::Coordinates at;
  const comm::Mesh* mesh = nullptr;  // none: alone, or a plan for a rank elsewhere

  Parallel() = default;
  explicit Parallel(const comm::Mesh& mesh) : shape(mesh.shape()), at(mesh.coordinates()), mesh(&mesh) {}
  // A rank of a mesh that is not there, for plans.
  Parallel(const comm::MeshShape& shape, const comm::Coordinates& at) : shape(shape), at(at) {}

  bool cuts_tensors() const { return shape.tensor > 1; }
  bool first_of_tensor() const { return at.tensor == 0; }
  bool spreads_experts() const { return shape.expert > 1; }
  // Of n tokens, or rows of the vocabulary: this tensor rank's.
  comm::Piece of_tensor(std::int64_t n) const { return comm::piece_of(n, at.tensor, shape.tensor); }
  // Among the ranks of a stage that see other tokens, and how many these are.
  int plane_rank() const { return at.data * shape.context + at.context; }
  int plane_size() const { return shape.data * shape.context; }
};

// Throws Error{config} that names what of the model the mesh cannot divide.
void check_parallel(const ModelConfig& config, const comm::MeshShape& shape);

}  // namespace hearth::nn
