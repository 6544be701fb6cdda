// SPDX-License-Identifier: Apache-2.0
// The tensors of a model: names, shapes and roles (parameters_of), and their memory (ParameterSet).
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
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/tensor.h"
#include "lib/device/device.h"
#include "lib/device/memory.h"
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

struct ParameterSpec {
  std::string name;
  Shape shape = {};             // of what this rank holds
  std::vector<Axis> axes = {};  // as many as shape has
  Role role = Role::matrix;
  std::int64_t n_matrices =
      1;                      // equal matrices stacked along the rows (experts; gate and up), of those this rank holds
  double init_std = 0;        // normal around init_mean; 0: all init_mean
  double init_mean = 0;

  // Where this rank's part lies in the whole tensor: of each of its matrices, from first_matrix on, a run along
  // `split`.
  Shape whole = {};
  Split split = Split::none;
  int n_parts = 1;  // that split makes of each matrix
  std::int64_t first = 0, first_matrix = 0;
  Copies copies = Copies::data;

  std::int64_t n_whole_matrices = 1;  // of the whole

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
  bool muon() const { return role == Role::matrix; }               // else AdamW
  // Kept in f32 whatever the compute dtype: norms, routers, buffers.
  bool always_f32() const { return role == Role::norm || role == Role::router || role == Role::selection_bias; }
};

// Every tensor of the model, or of it what a rank holds, in a fixed order (that of the table above).
std::vector<ParameterSpec> parameters_of(const ModelConfig& config, const Parallel& parallel = {});

// A part of a tensor out of the whole.
void take_part(const ParameterSpec& spec, const Tensor& whole, const Tensor& part);

// One tensor's memory. master holds the exact f32 value; weight is what the kernels multiply with: a bf16 copy, or
// master itself in f32 or where always_f32.
struct Parameter {
  ParameterSpec spec;
  Tensor weight;
  Tensor master;    // f32; none in a bf16 set made only to run
  Tensor gradient;  // f32; none when not trained
};

enum class Purpose { run, train };

class ParameterSet {
 public:
  // Zeroed memory for all tensors. dtype: f32 or bf16.
  ParameterSet(const ModelConfig& config, DType dtype, Purpose purpose, const Device& device = {},
               const Parallel& parallel = {});

  DType dtype() const { return dtype_; }
  const Device& device() const { return device_; }
  std::vector<Parameter>& all() { return parameters_; }
  const std::vector<Parameter>& all() const { return parameters_; }
  // All weights of one kind as bytes, and all gradients, each one piece of memory in the order of all() (with gaps of
  // less than 64 bytes between tensors, whose contents mean nothing): what collectives take.
  const Tensor& weights(Copies copies) const { return weights_[static_cast<std::size_t>(copies)]; }
  const Tensor& gradients(Copies copies) const { return gradients_[static_cast<std::size_t>(copies)]; }
  // Throws Error{internal} for an unknown name.
  const Parameter& get(std::string_view name) const;

  // Random start: element i of a tensor is a function of (seed, name, i) alone.
  void initialise(Stream& stream, std::uint64_t seed);
  // Recomputes the weights from the masters, after these were loaded.
  void refresh_weights(Stream& stream);
  void zero_gradients(Stream& stream);

  struct Bytes {
    std::size_t weights = 0, masters = 0, gradients = 0;
  };
  static Bytes plan(const ModelConfig& config, DType dtype, Purpose purpose, const Parallel& parallel = {});

 private:
  DType dtype_;
  Device device_;
  Arena memory_;
  std::array<Tensor, n_copies> weights_, gradients_;
  std::vector<Parameter> parameters_;
  std::unordered_map<std::string_view, std::size_t> index_;
};

}  // namespace hearth::nn
