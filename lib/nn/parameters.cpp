// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/parameters.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "kernels/elementwise.h"
#include "lib/base/rng.h"

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
      const std::string prefix = "layers." + std::to_string(layer) + ".";
      attention(prefix + "attention.", config_.block(layer).attention);
      feed_forward(prefix + "ffn.", config_.block(layer).feed_forward);
    }
    if (!parallel_.last_stage()) return std::move(specs_);
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
  std::vector<ParameterSpec> specs_;
};

std::uint64_t hash_of(std::string_view name) {  // FNV-1a
  std::uint64_t hash = 14695981039346656037ull;
  for (const char letter : name) hash = (hash ^ static_cast<unsigned char>(letter)) * 1099511628211ull;
  return hash;
}

// Elements [begin, end) of a tensor that is normal around mean, to values: four from each Philox block (Box-Muller).
void fill_normal(float* values, std::int64_t begin, std::int64_t end, std::uint64_t key, double std, double mean) {
  const auto unit = [](std::uint32_t bits) { return (static_cast<double>(bits) + 0.5) * 0x1p-32; };
  for (std::int64_t i = begin; i < end;) {
    const PhiloxBlock block = philox(key, static_cast<std::uint64_t>(i / 4), 0);
    double normal[4];
    for (int pair = 0; pair < 2; ++pair) {
      const double radius = std::sqrt(-2 * std::log(unit(block[2 * pair])));
      const double angle = 2 * std::numbers::pi * unit(block[2 * pair + 1]);
      normal[2 * pair] = radius * std::cos(angle);
      normal[2 * pair + 1] = radius * std::sin(angle);
    }
    const std::int64_t group = i / 4;
    for (; i < end && i / 4 == group; ++i) *values++ = static_cast<float>(mean + std * normal[i % 4]);
  }
}

constexpr std::int64_t most_at_once = 4096;  // elements

bool has_copy(const ParameterSpec& spec, DType dtype) { return dtype != DType::f32 && !spec.always_f32(); }

// Where the weights, the masters that are not weights themselves, and the gradients lie in an arena: one kind after
// another, weights and gradients by who has the same, so that collectives take each as one piece.
struct Layout {
  std::array<std::size_t, n_copies + 1> weights{}, gradients{};  // where each begins, and where the last ends
};

// Memory of all tensors. Planning passes an arena that measures.
Layout allocate(std::vector<Parameter>& parameters, DType dtype, Purpose purpose, Arena& arena) {
  Layout layout;
  const auto of_all = [&](std::array<std::size_t, n_copies + 1>& begins, const auto& allocate_one) {
    for (std::size_t copies = 0; copies < n_copies; ++copies) {
      begins[copies] = arena.used_bytes();
      for (Parameter& parameter : parameters) {
        if (parameter.spec.copies == static_cast<Copies>(copies)) allocate_one(parameter);
      }
    }
    begins[n_copies] = arena.used_bytes();
  };
  of_all(layout.weights, [&](Parameter& parameter) {
    const bool copied = has_copy(parameter.spec, dtype);
    parameter.weight = arena.allocate(copied ? dtype : DType::f32, parameter.spec.shape);
    if (!copied) parameter.master = parameter.weight;
  });
  for (Parameter& parameter : parameters) {
    if (has_copy(parameter.spec, dtype) && purpose == Purpose::train) {
      parameter.master = arena.allocate(DType::f32, parameter.spec.shape);
    }
  }
  of_all(layout.gradients, [&](Parameter& parameter) {
    if (purpose == Purpose::train && parameter.spec.trainable()) {
      parameter.gradient = arena.allocate(DType::f32, parameter.spec.shape);
    }
  });
  return layout;
}

std::vector<Parameter> without_memory(const ModelConfig& config, const Parallel& parallel) {
  std::vector<Parameter> parameters;
  for (ParameterSpec& spec : parameters_of(config, parallel)) parameters.push_back({std::move(spec), {}, {}, {}});
  return parameters;
}

std::size_t bytes_of(const ModelConfig& config, DType dtype, Purpose purpose, const Parallel& parallel) {
  Arena arena;
  std::vector<Parameter> parameters = without_memory(config, parallel);
  return allocate(parameters, dtype, purpose, arena).gradients.back();
}
}  // namespace

std::vector<ParameterSpec> parameters_of(const ModelConfig& config, const Parallel& parallel) {
  return Lister(config, parallel).list();
}

void take_part(const ParameterSpec& spec, const Tensor& whole, const Tensor& part) {
  const auto element = static_cast<std::int64_t>(size_of(part.dtype));
  HEARTH_CHECK(whole.dtype == part.dtype && whole.shape == spec.whole, "a part of another tensor");
  spec.for_runs([&](std::int64_t begin, std::int64_t whole_begin, std::int64_t count) {
    std::memcpy(part.data + begin * element, whole.data + whole_begin * element,
                static_cast<std::size_t>(count * element));
  });
}

ParameterSet::ParameterSet(const ModelConfig& config, DType dtype, Purpose purpose, const Device& device,
                           const Parallel& parallel)
    : dtype_(dtype), device_(device), memory_(bytes_of(config, dtype, purpose, parallel), device) {
  if (dtype != DType::f32 && dtype != DType::bf16) {
    throw Error(Kind::config, "a model computes in f32 or bf16, not in " + std::string(name_of(dtype)));
  }
  parameters_ = without_memory(config, parallel);
  const Layout layout = allocate(parameters_, dtype, purpose, memory_);
  std::byte* begin = parameters_.front().weight.data;
  for (const Parameter& parameter : parameters_) begin = std::min(begin, parameter.weight.data);
  const auto piece = [&](const std::array<std::size_t, n_copies + 1>& begins, std::size_t copies, DType type) {
    const std::size_t bytes = begins[copies + 1] - begins[copies];
    return Tensor(begin + begins[copies], type, {static_cast<std::int64_t>(bytes / size_of(type))});
  };
  for (std::size_t copies = 0; copies < n_copies; ++copies) {
    weights_[copies] = piece(layout.weights, copies, DType::u8);
    gradients_[copies] = piece(layout.gradients, copies, DType::f32);
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) index_.emplace(parameters_[i].spec.name, i);
}

const Parameter& ParameterSet::get(std::string_view name) const {
  const auto found = index_.find(name);
  HEARTH_CHECK(found != index_.end(), "no parameter " + std::string(name));
  return parameters_[found->second];
}

void ParameterSet::initialise(Stream& stream, std::uint64_t seed) {
  for (const Parameter& parameter : parameters_) {
    HEARTH_CHECK(parameter.master, "a set made to run has no masters to initialise");
    const ParameterSpec& spec = parameter.spec;
    const std::uint64_t key = mix_seed(seed, hash_of(spec.name));
    fill_from_host(stream, parameter.master, [&](const Tensor& host) {
      if (spec.init_std == 0) {
        std::ranges::fill(host.span<float>(), static_cast<float>(spec.init_mean));
        return;
      }
      struct Run {
        std::int64_t begin, whole_begin, count;
      };
      std::vector<Run> runs;  // of a length that keeps all threads busy
      spec.for_runs([&](std::int64_t begin, std::int64_t whole_begin, std::int64_t count) {
        for (std::int64_t i = 0; i < count; i += most_at_once)
          runs.push_back({begin + i, whole_begin + i, std::min(most_at_once, count - i)});
      });
      stream.pool().for_each(static_cast<std::int64_t>(runs.size()), [&](std::int64_t i, int) {
        const auto& [at, from, count] = runs[static_cast<std::size_t>(i)];
        fill_normal(host.as<float>() + at, from, from + count, key, spec.init_std, spec.init_mean);
      });
    });
  }
  refresh_weights(stream);
}

void ParameterSet::refresh_weights(Stream& stream) {
  for (const Parameter& parameter : parameters_) {
    if (parameter.master && parameter.master.data != parameter.weight.data) {
      kernels::cast(stream, {.x = parameter.master, .y = parameter.weight});
    }
  }
}

void ParameterSet::zero_gradients(Stream& stream) {
  for (const Parameter& parameter : parameters_) {
    if (parameter.gradient) kernels::fill(stream, {.y = parameter.gradient});
  }
}

ParameterSet::Bytes ParameterSet::plan(const ModelConfig& config, DType dtype, Purpose purpose,
                                       const Parallel& parallel) {
  Arena arena;
  std::vector<Parameter> parameters = without_memory(config, parallel);
  allocate(parameters, dtype, purpose, arena);
  Bytes bytes;
  for (const Parameter& parameter : parameters) {
    const bool trained = purpose == Purpose::train;
    bytes.weights += parameter.weight.bytes();
    if (trained && has_copy(parameter.spec, dtype)) bytes.masters += parameter.master.bytes();
    if (trained && parameter.spec.trainable()) bytes.gradients += parameter.gradient.bytes();
  }
  return bytes;
}

}  // namespace hearth::nn
