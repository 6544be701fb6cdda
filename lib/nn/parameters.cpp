// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/parameters.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/elementwise.h"
#include "lib/base/rng.h"

namespace hearth::nn {
namespace {
// Collects the specs of a model in order.
class Lister {
 public:
  explicit Lister(const ModelConfig& config) : config_(config) {}

  std::vector<ParameterSpec> list() {
    table("embedding", Role::embedding, config_.init.embedding);
    for (std::int64_t layer = 0; layer < config_.n_layers(); ++layer) {
      const std::string prefix = "layers." + std::to_string(layer) + ".";
      attention(prefix + "attention.", config_.block(layer).attention);
      feed_forward(prefix + "ffn.", config_.block(layer).feed_forward);
    }
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
    add({prefix + "router", {moe.experts, config_.hidden}, {Axis::experts, Axis::hidden}, Role::router, 1,
         config_.init.matrix_gain / std::sqrt(static_cast<double>(config_.hidden))});
    if (moe.router.selection_bias) {
      add({prefix + "selection_bias", {moe.experts}, {Axis::experts}, Role::selection_bias});
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
    add({name, {config_.vocab, config_.hidden}, {Axis::vocab, Axis::hidden}, role, 1, std});
  }

  void norm(const std::string& name, std::int64_t width, Axis axis) {
    add({name, {width}, {axis}, Role::norm, 1, 0, 1});
  }

  // What writes into the residual stream has hidden as its next-to-last axis.
  void matrix(const std::string& name, Shape shape, std::vector<Axis> axes, std::int64_t n_matrices = 1) {
    const bool output = axes[axes.size() - 2] == Axis::hidden;
    const double gain = output ? config_.init.output_gain : config_.init.matrix_gain;
    add({name, shape, std::move(axes), Role::matrix, n_matrices, gain / std::sqrt(static_cast<double>(shape[-1]))});
  }

  void add(ParameterSpec spec) { specs_.push_back(std::move(spec)); }

  const ModelConfig& config_;
  std::vector<ParameterSpec> specs_;
};

std::uint64_t hash_of(std::string_view name) {  // FNV-1a
  std::uint64_t hash = 14695981039346656037ull;
  for (const char letter : name) hash = (hash ^ static_cast<unsigned char>(letter)) * 1099511628211ull;
  return hash;
}

// Elements [begin, end) of a tensor that is normal around mean: four from each Philox block (Box-Muller).
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
    for (; i < end && i / 4 == group; ++i) values[i] = static_cast<float>(mean + std * normal[i % 4]);
  }
}

bool has_copy(const ParameterSpec& spec, DType dtype) { return dtype != DType::f32 && !spec.always_f32(); }

// Where the weights, the masters that are not weights themselves, and the gradients lie in an arena: one kind after
// another, so that collectives take each as one piece.
struct Layout {
  std::size_t weights_end = 0, masters_end = 0, gradients_end = 0;
};

// Memory of all tensors. Planning passes an arena that measures.
Layout allocate(std::vector<Parameter>& parameters, DType dtype, Purpose purpose, Arena& arena) {
  Layout layout;
  for (Parameter& parameter : parameters) {
    const bool copied = has_copy(parameter.spec, dtype);
    parameter.weight = arena.allocate(copied ? dtype : DType::f32, parameter.spec.shape);
    if (!copied) parameter.master = parameter.weight;
  }
  layout.weights_end = arena.used_bytes();
  for (Parameter& parameter : parameters) {
    if (has_copy(parameter.spec, dtype) && purpose == Purpose::train) {
      parameter.master = arena.allocate(DType::f32, parameter.spec.shape);
    }
  }
  layout.masters_end = arena.used_bytes();
  for (Parameter& parameter : parameters) {
    if (purpose == Purpose::train && parameter.spec.trainable()) {
      parameter.gradient = arena.allocate(DType::f32, parameter.spec.shape);
    }
  }
  layout.gradients_end = arena.used_bytes();
  return layout;
}

std::vector<Parameter> without_memory(const ModelConfig& config) {
  std::vector<Parameter> parameters;
  for (ParameterSpec& spec : parameters_of(config)) parameters.push_back({std::move(spec), {}, {}, {}});
  return parameters;
}

std::size_t bytes_of(const ModelConfig& config, DType dtype, Purpose purpose) {
  Arena arena;
  std::vector<Parameter> parameters = without_memory(config);
  return allocate(parameters, dtype, purpose, arena).gradients_end;
}
}  // namespace

std::vector<ParameterSpec> parameters_of(const ModelConfig& config) { return Lister(config).list(); }

ParameterSet::ParameterSet(const ModelConfig& config, DType dtype, Purpose purpose, const Device& device)
    : dtype_(dtype), device_(device), memory_(bytes_of(config, dtype, purpose), device) {
  if (dtype != DType::f32 && dtype != DType::bf16) {
    throw Error(Kind::config, "a model computes in f32 or bf16, not in " + std::string(name_of(dtype)));
  }
  parameters_ = without_memory(config);
  const Layout layout = allocate(parameters_, dtype, purpose, memory_);
  std::byte* begin = parameters_.front().weight.data;
  weights_ = Tensor(begin, DType::u8, {static_cast<std::int64_t>(layout.weights_end)});
  gradients_ = Tensor(begin + layout.masters_end, DType::f32,
                      {static_cast<std::int64_t>((layout.gradients_end - layout.masters_end) / sizeof(float))});
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
      float* values = host.as<float>();
      stream.pool().for_ranges(host.n_elements(), 4096, [&](std::int64_t begin, std::int64_t end, int) {
        if (spec.init_std == 0) {
          std::fill(values + begin, values + end, static_cast<float>(spec.init_mean));
        } else {
          fill_normal(values, begin, end, key, spec.init_std, spec.init_mean);
        }
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

ParameterSet::Bytes ParameterSet::plan(const ModelConfig& config, DType dtype, Purpose purpose) {
  Arena arena;
  std::vector<Parameter> parameters = without_memory(config);
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
