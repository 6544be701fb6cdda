// SPDX-License-Identifier: Apache-2.0
// Where a rank stands among those that hold one model together, and what of it is its own. Without a mesh it is one
// rank that holds everything.
//
//   pipeline  stages of consecutive layers; microbatches pass through them (1F1B, Narayanan et al. 2021)
//   context   the tokens of a microbatch are cut into runs; in attention each rank has all tokens of some heads
//             instead, or keys and values go round a ring
//   tensor    heads, feed-forward widths and the vocabulary are cut; between the blocks each rank keeps a run of the
//             tokens (sequence parallelism, Korthikanti et al. 2022)
//   expert    the experts of a layer lie on as many of the ranks that see other tokens; tokens travel to them and back
#pragma once
#include "lib/comm/mesh.h"
#include "lib/nn/config.h"

namespace hearth::nn {

// How attention comes to all tokens among context ranks; either: what the model's heads allow and sends less.
enum class ContextBy { either, heads, ring };

struct Parallel {
  comm::MeshShape shape{.data = 1};
  comm::Coordinates at;
  const comm::Mesh* mesh = nullptr;  // none: alone, or a plan for a rank elsewhere
  ContextBy context_by = ContextBy::either;

  Parallel() = default;
  explicit Parallel(const comm::Mesh& mesh) : shape(mesh.shape()), at(mesh.coordinates()), mesh(&mesh) {}
  // A rank of a mesh that is not there, for plans.
  Parallel(const comm::MeshShape& shape, const comm::Coordinates& at) : shape(shape), at(at) {}

  // Whether ranks exchange anything while a microbatch goes through the model.
  bool meets_in_pass() const { return is_staged() || cuts_context() || cuts_tensors() || spreads_experts(); }
  bool is_staged() const { return shape.pipeline > 1; }
  bool first_stage() const { return at.pipeline == 0; }
  bool last_stage() const { return at.pipeline + 1 == shape.pipeline; }
  // Of n layers: this stage's; the first stages have one more where it does not divide.
  comm::Piece of_stage(std::int64_t n_layers) const { return comm::piece_of(n_layers, at.pipeline, shape.pipeline); }
  bool cuts_context() const { return shape.context > 1; }
  // Of the n tokens of a microbatch: how many are this context rank's.
  std::int64_t of_context(std::int64_t n) const { return comm::piece_of(n, at.context, shape.context).count; }
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

// What attention of a layer after another sends among context ranks in either way, by which one is chosen.
struct ContextTraffic {
  bool heads_divide = true;        // among context and tensor ranks
  double exchanged = 0, ring = 0;  // elements, of a token and an element of a head, forward and backward
  void add(std::int64_t heads, std::int64_t kv_heads, int context, int tensor);
  bool goes_round() const { return !heads_divide || ring < exchanged; }
};

// Whether keys and values of this model go round a ring. Both ways are right for every model whose heads divide by
// tensor times context ranks; a ring is for all.
bool goes_round(const ModelConfig& config, const Parallel& parallel);

}  // namespace hearth::nn
