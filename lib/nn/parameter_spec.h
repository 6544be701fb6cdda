// SPDX-License-Identifier: Apache-2.0
// The tensors of a model: names, shapes and roles, and what of each a rank of a mesh holds.
//
//   embedding                        [vocab, hidden]
//   layers.N.attention.norm          [hidden]
//   layers.N.attention.q             [heads * head_dim, hidden]      rope half-split
//   layers.N.attention.k, .v         [kv_heads * head_dim, hidden]
//   layers.N.attention.q_norm, k_norm [head_dim]                     with qk_norm
//   layers.N.attention.o             [hidden, heads * head_dim]
//   layers.N.ffn.norm                [hidden]
//   layers.N.ffn.gate_up             [2 * ffn, hidden]               dense: gate's rows, then up's
//   layers.N.ffn.down                [hidden, ffn]
//   layers.N.ffn.router              [experts, hidden]               mixture
//   layers.N.ffn.selection_bias      [experts]                       buffer: f32, no gradient
//   layers.N.ffn.experts.gate_up     [experts, 2 * ffn, hidden]
//   layers.N.ffn.experts.down        [experts, hidden, ffn]
//   layers.N.ffn.shared.gate_up      [2 * shared_ffn, hidden]
//   layers.N.ffn.shared.down         [hidden, shared_ffn]
//   final_norm                       [hidden]
//   head                             [vocab, hidden]                 unless tied
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/tensor.h"
#include "lib/nn/config.h"
#include "lib/nn/parallel.h"

namespace hearth::nn {

enum class Role { embedding, head, norm, router, matrix, selection_bias };
enum class Axis { vocab, hidden, q_heads, kv_heads, head_dim, ffn, experts };

// Tensor ranks hold a run of the rows or of the columns of each of a parameter's matrices, or all the same.
enum class Split { none, rows, columns };

// Which ranks hold the same values of a parameter, and so add up its gradients: those of a stage that see other tokens,
// these and the tensor ranks, or the former among those with the same experts.
enum class Copies { data, data_and_tensor, expert_data };
constexpr int n_copies = 3;

struct RowRange {
  std::int64_t first = 0, count = 0;
};

struct ParameterSpec {
  std::string name;
  Shape shape = {};             // of what this rank holds
  std::vector<Axis> axes = {};  // as many as shape has
  Role role = Role::matrix;
  std::int64_t n_matrices =
      1;                // equal matrices stacked along the rows (experts; gate and up), of those this rank holds
  double init_std = 0;  // normal around init_mean; 0: all init_mean
  double init_mean = 0;

  // Where this rank's part lies in the whole tensor: of each of its matrices, from first_matrix on, a run along
  // `split`.
  Shape whole = {};
  Split split = Split::none;
  int n_parts = 1;  // that split makes of each matrix
  std::int64_t first = 0, first_matrix = 0;
  Copies copies = Copies::data;

  std::int64_t n_whole_matrices = 1;  // of the whole

  // What is used together, in the order of a forward pass: 0 the embedding, then a block each, then final norm and head
  // (which a tied embedding draws to itself).
  std::size_t unit = 0;

  std::int64_t columns() const { return shape[-1]; }
  std::int64_t rows_of_matrix() const { return shape.n_elements() / columns() / n_matrices; }
  std::int64_t whole_matrix_rows() const { return whole.n_elements() / whole[-1] / n_whole_matrices; }
  // The row (axis 0) of the whole tensor at which the part begins, where it is a run of rows.
  std::int64_t first_row() const {
    return first_matrix * whole[0] / n_whole_matrices + (split == Split::rows ? first : 0);
  }
  // part(begin, whole_begin, count) for each run of elements that lies together in the part and in the whole.
  template <class Part>
  void for_runs(const Part& part) const {
    const std::int64_t rows = rows_of_matrix(), whole_columns = whole[-1];
    const std::int64_t whole_rows = split == Split::rows ? whole_matrix_rows() : rows;
    const bool cut = split == Split::columns;
    const std::int64_t runs = cut ? rows : 1, count = shape.n_elements() / n_matrices / runs;
    for (std::int64_t i = 0; i < n_matrices * runs; ++i) {
      const std::int64_t row = (first_matrix + i / runs) * whole_rows + i % runs + (split == Split::rows ? first : 0);
      part(i * count, row * whole_columns + (cut ? first : 0), count);
    }
  }

  bool trainable() const { return role != Role::selection_bias; }  // has a gradient
  bool decays() const { return role == Role::matrix || role == Role::router; }
  bool muon() const { return role == Role::matrix; }  // else AdamW
  // Kept in f32 whatever the compute dtype: norms, routers, buffers.
  bool always_f32() const { return role == Role::norm || role == Role::router || role == Role::selection_bias; }
};

// Every tensor of the model, or of it what a rank holds, in a fixed order (that of the table above).
std::vector<ParameterSpec> parameters_of(const ModelConfig& config, const Parallel& parallel = {});

// A shape with another number of rows (axis 0).
Shape with_rows(const Shape& shape, std::int64_t rows);

// Some rows of a rank's part of a tensor, or all of them, out of the whole.
void take_rows(const ParameterSpec& spec, const Tensor& whole, const RowRange& rows, const Tensor& to);

}  // namespace hearth::nn
