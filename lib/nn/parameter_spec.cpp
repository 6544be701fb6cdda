// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/parameter_spec.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

namespace hearth::nn {
namespace {
// Collects the specs of what a rank holds, in order.
class Lister {
 public:
  Lister(const ModelConfig& config, const Parallel& parallel) : config_(config), parallel_(parallel) {}

  std::vector<ParameterSpec> list() {
    if (parallel_.first_stage()) table("embedding", Role::embedding, config_.init.embedding);
    const comm::Piece layers = parallel_.of_stage(config_.n_layers());
    for (std::int64_t layer = layers.begin; layer < layers.begin + layers.count; ++layer) {
      ++unit_;
      const std::string prefix = "layers." + std::to_string(layer) + ".";
      attention(prefix + "attention.", config_.block(layer).attention);
      feed_forward(prefix + "ffn.", config_.block(layer).feed_forward);
    }
    if (!parallel_.last_stage()) return std::move(specs_);
    unit_ = config_.tie_embeddings ? 0 : unit_ + 1;
    norm("final_norm", config_.hidden, Axis::hidden);
    if (!config_.tie_embeddings) table("head", Role::head, config_.init.head);
    return std::move(specs_);
  }

 private:
  void attention(const std::string& prefix, const Attention& attention) {
    const std::int64_t q = attention.heads * attention.head_dim, kv = attention.kv_heads * attention.head_dim;
    norm(prefix + "norm", config_.hidden, Axis::hidden);
    matrix(prefix + "q", {q, config_.hidden}, {Axis::q_heads, Axis::hidden});
    matrix(prefix + "k", {kv, config_.hidden}, {Axis::kv_heads, Axis::hidden});
    matrix(prefix + "v", {kv, config_.hidden}, {Axis::kv_heads, Axis::hidden});
    if (attention.qk_norm) {
      norm(prefix + "q_norm", attention.head_dim, Axis::head_dim);
      norm(prefix + "k_norm", attention.head_dim, Axis::head_dim);
    }
    matrix(prefix + "o", {config_.hidden, q}, {Axis::hidden, Axis::q_heads});
  }

  void feed_forward(const std::string& prefix, const FeedForward& feed_forward) {
    norm(prefix + "norm", config_.hidden, Axis::hidden);
    if (!feed_forward.moe) return glu(prefix, feed_forward.ffn);
    const Moe& moe = *feed_forward.moe;
    add({.name = prefix + "router",
         .shape = {moe.experts, config_.hidden},
         .axes = {Axis::experts, Axis::hidden},
         .role = Role::router,
         .init_std = config_.init.matrix_gain / std::sqrt(static_cast<double>(config_.hidden))});
    if (moe.router.selection_bias) {
      add({.name = prefix + "selection_bias",
           .shape = {moe.experts},
           .axes = {Axis::experts},
           .role = Role::selection_bias});
    }
    matrix(prefix + "experts.gate_up", {moe.experts, 2 * moe.ffn, config_.hidden},
           {Axis::experts, Axis::ffn, Axis::hidden}, 2 * moe.experts);
    matrix(prefix + "experts.down", {moe.experts, config_.hidden, moe.ffn}, {Axis::experts, Axis::hidden, Axis::ffn},
           moe.experts);
    if (moe.shared_ffn > 0) glu(prefix + "shared.", moe.shared_ffn);
  }

  void glu(const std::string& prefix, std::int64_t ffn) {
    matrix(prefix + "gate_up", {2 * ffn, config_.hidden}, {Axis::ffn, Axis::hidden}, 2);
    matrix(prefix + "down", {config_.hidden, ffn}, {Axis::hidden, Axis::ffn});
  }

  void table(const std::string& name, Role role, double std) {
    add({.name = name,
         .shape = {config_.vocab, config_.hidden},
         .axes = {Axis::vocab, Axis::hidden},
         .role = role,
         .init_std = std,
         .split = Split::rows});
  }

  void norm(const std::string& name, std::int64_t width, Axis axis) {
    add({.name = name, .shape = {width}, .axes = {axis}, .role = Role::norm, .init_mean = 1});
  }

  // What writes into the residual stream has hidden as its next-to-last axis.
  void matrix(const std::string& name, Shape shape, std::vector<Axis> axes, std::int64_t n_matrices = 1) {
    const bool output = axes[axes.size() - 2] == Axis::hidden;
    const double gain = output ? config_.init.output_gain : config_.init.matrix_gain;
    const double std = gain / std::sqrt(static_cast<double>(shape[-1]));
    add({.name = name,
         .shape = shape,
         .axes = std::move(axes),
         .role = Role::matrix,
         .n_matrices = n_matrices,
         .init_std = std,
         .split = output ? Split::columns : Split::rows});
  }

  // spec has the whole shape, and along what tensor ranks cut it.
  void add(ParameterSpec spec) {
    spec.unit = unit_;
    spec.whole = spec.shape;
    spec.n_whole_matrices = spec.n_matrices;
    std::vector<std::int64_t> extents(spec.shape.begin(), spec.shape.end());
    const comm::MeshShape& mesh = parallel_.shape;
    if (mesh.expert > 1 && spec.role == Role::matrix && spec.axes[0] == Axis::experts) {
      extents[0] /= mesh.expert;
      spec.n_matrices /= mesh.expert;
      spec.first_matrix = parallel_.at.expert * spec.n_matrices;
      spec.copies = Copies::expert_data;
    }
    if (mesh.tensor == 1) {
      spec.split = Split::none;
    } else if (spec.split == Split::none) {
      spec.copies = Copies::data_and_tensor;
    } else {
      const bool rows = spec.split == Split::rows;
      const comm::Piece piece = parallel_.of_tensor(rows ? spec.whole_matrix_rows() : spec.whole[-1]);
      std::int64_t& extent = extents[extents.size() - (rows ? 2 : 1)];
      extent = rows ? extent / spec.whole_matrix_rows() * piece.count : piece.count;
      spec.first = piece.begin;
      spec.n_parts = mesh.tensor;
    }
    spec.shape = Shape(std::span<const std::int64_t>(extents));
    specs_.push_back(std::move(spec));
  }

  const ModelConfig& config_;
  const Parallel& parallel_;
  std::size_t unit_ = 0;
  std::vector<ParameterSpec> specs_;
};

}  // namespace

std::vector<ParameterSpec> parameters_of(const ModelConfig& config, const Parallel& parallel) {
  return Lister(config, parallel).list();
}

Shape with_rows(const Shape& shape, std::int64_t rows) {
  std::vector<std::int64_t> extents(shape.begin(), shape.end());
  extents[0] = rows;
  return Shape(std::span<const std::int64_t>(extents));
}

void take_rows(const ParameterSpec& spec, const Tensor& whole, const RowRange& rows, const Tensor& to) {
  const auto element = static_cast<std::int64_t>(size_of(to.dtype));
  HEARTH_CHECK(whole.dtype == to.dtype && whole.shape == spec.whole, "rows of another tensor");
  const std::int64_t row = spec.shape.n_elements() / spec.shape[0], first = rows.first * row,
                     end = first + rows.count * row;
  spec.for_runs([&](std::int64_t begin, std::int64_t whole_begin, std::int64_t count) {
    const std::int64_t from = std::max(begin, first), until = std::min(begin + count, end);
    if (from >= until) return;
    std::memcpy(to.data + (from - first) * element, whole.data + (whole_begin + from - begin) * element,
                static_cast<std::size_t>((until - from) * element));
  });
}

}  // namespace hearth::nn
