// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/parameters.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "kernels/elementwise.h"
#include "lib/base/rng.h"

namespace hearth::nn {
namespace {
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
constexpr std::size_t line_bytes = 64;

std::size_t in_lines(std::size_t bytes) {
  return (bytes + line_bytes - 1) / line_bytes * line_bytes;
}

bool has_copy(const ParameterSpec& spec, DType dtype) {
  return dtype != DType::f32 && !spec.always_f32();
}

Tensor view(const Tensor& memory, std::size_t at, DType dtype, const Shape& shape) {
  return {memory ? memory.data + at : nullptr, dtype, shape};
}

// Tensors one after another, and where in them each rank's rows begin, in elements of so many bytes.
Portion::Run run_of(const std::vector<Tensor>& tensors, const std::vector<std::size_t>& parameters,
                    const Sharding& sharding, int n_ranks, std::size_t element) {
  Portion::Run run;
  for (const Tensor& tensor : tensors) {
    run.at.push_back(run.bytes);
    run.bytes += in_lines(tensor.bytes());
  }
  run.bounds.push_back(0);
  for (int rank = 1; rank < n_ranks; ++rank) {
    std::size_t begin = run.bytes;
    for (std::size_t i = tensors.size(); i-- > 0;) {
      const RowRange rows = sharding.rows(parameters[i], rank);
      const std::size_t row_bytes = tensors[i].bytes() / static_cast<std::size_t>(tensors[i].shape[0]);
      if (rows.count > 0) begin = run.at[i] + row_bytes * static_cast<std::size_t>(rows.first);
    }
    HEARTH_CHECK(begin % element == 0, "a row begins within an element");
    run.bounds.push_back(static_cast<std::int64_t>(begin / element));
  }
  run.bounds.push_back(static_cast<std::int64_t>(run.bytes / element));
  // A rank without rows begins where the next does.
  for (std::size_t rank = run.bounds.size() - 1; rank-- > 1;)
    run.bounds[rank] = std::min(run.bounds[rank], run.bounds[rank + 1]);
  return run;
}

// Memory for a run: all of it, or this rank's rows alone, which then lie in a line of memory as they do in the whole.
// Returns the bytes.
std::size_t allocate_run(Portion::Run& run, int rank, DType dtype, bool whole, Arena& arena) {
  const auto r = static_cast<std::size_t>(rank);
  const std::int64_t begin = run.bounds[r], count = run.bounds[r + 1] - begin;
  const auto element = static_cast<std::int64_t>(size_of(dtype));
  if (whole) {
    run.whole = arena.allocate(dtype, {run.bounds.back()});
    run.own = view(run.whole, static_cast<std::size_t>(begin * element), dtype, {count});
    return run.whole.bytes();
  }
  const auto shift = static_cast<std::size_t>(begin * element) % line_bytes;
  const Tensor memory = arena.allocate(DType::u8, {static_cast<std::int64_t>(shift) + count * element});
  run.own = view(memory, shift, dtype, {count});
  return memory.bytes();
}

// A tensor's own rows within those of its run.
Tensor own_rows(const Portion::Run& run, int rank, std::size_t i, DType dtype, const Shape& shape, RowRange rows) {
  const auto begin = static_cast<std::size_t>(run.bounds[static_cast<std::size_t>(rank)]) * size_of(run.own.dtype);
  const std::size_t row_bytes = static_cast<std::size_t>(shape.n_elements() / shape[0]) * size_of(dtype);
  const Shape own = with_rows(shape, rows.count);
  if (rows.count == 0) return {nullptr, dtype, own};
  return view(run.own, run.at[i] + row_bytes * static_cast<std::size_t>(rows.first) - begin, dtype, own);
}

}  // namespace

ParameterSet::ParameterSet(const ModelConfig& config, DType dtype, Purpose purpose, const Parallel& parallel,
                           const ShardSettings& shard, Arena memory)
    : dtype_(dtype), memory_(std::move(memory)), tied_(config.tie_embeddings) {
  const std::vector<ParameterSpec> specs = parameters_of(config, parallel);
  // What only runs is shared out among nobody.
  const Parallel among = purpose == Purpose::train ? parallel : Parallel();
  const Sharding sharding(specs, among, shard.whole_matrices);
  for (std::size_t i = 0; i < specs.size(); ++i)
    parameters_.push_back({specs[i], {}, {}, sharding.rows(i, among), {}, {}, {}});
  lay_out(sharding, among);
  allocate(purpose, shard);
  for (std::size_t i = 0; i < parameters_.size(); ++i) index_.emplace(parameters_[i].spec.name, i);
}

ParameterSet::ParameterSet(const ModelConfig& config, DType dtype, Purpose purpose, const Device& device,
                           const Parallel& parallel, const ShardSettings& shard)
    : ParameterSet(config, dtype, purpose, parallel, shard, [&] {
        if (dtype != DType::f32 && dtype != DType::bf16)
          throw Error(Kind::config, "a model computes in f32 or bf16, not in " + std::string(name_of(dtype)));
        return Arena(ParameterSet(config, dtype, purpose, parallel, shard, Arena()).memory_.peak_bytes(), device);
      }()) {
  device_ = device;
}

// The portions of each unit, and where their tensors lie in them.
void ParameterSet::lay_out(const Sharding& sharding, const Parallel& parallel) {
  for (const Parameter& parameter : parameters_) units_.resize(std::max(units_.size(), parameter.spec.unit + 1));
  for (std::size_t unit = 0; unit < units_.size(); ++unit) {
    std::size_t weights_at = 0, gradients_at = 0;
    double gather = 0, reduce = 0;
    for (int kind = 0; kind < n_copies; ++kind) {
      const auto copies = static_cast<Copies>(kind);
      const auto [rank, n_ranks] = rank_among(parallel, copies);
      Portion portion{unit, copies, n_ranks, rank, {}, {}, {}};
      std::vector<Tensor> weights, gradients;
      for (std::size_t i = 0; i < parameters_.size(); ++i) {
        const ParameterSpec& spec = parameters_[i].spec;
        if (spec.unit != unit || spec.copies != copies || !spec.trainable()) continue;
        portion.parameters.push_back(i);
        weights.emplace_back(nullptr, has_copy(spec, dtype_) ? dtype_ : DType::f32, spec.shape);
        gradients.emplace_back(nullptr, DType::f32, spec.shape);
      }
      if (portion.parameters.empty()) continue;
      portion.weights = run_of(weights, portion.parameters, sharding, portion.n_ranks, 1);
      portion.gradients = run_of(gradients, portion.parameters, sharding, portion.n_ranks, sizeof(float));
      if (portion.is_shared()) {
        portion.weights.slot_at = std::exchange(weights_at, weights_at + portion.weights.bytes);
        portion.gradients.slot_at = std::exchange(gradients_at, gradients_at + portion.gradients.bytes);
      }
      const double sent = (n_ranks - 1.0) / n_ranks;
      gather += sent * static_cast<double>(portion.weights.bytes);
      reduce += sent * static_cast<double>(portion.gradients.bytes);
      units_[unit].push_back(std::move(portion));
    }
    bytes_.gather.push_back(gather), bytes_.reduce.push_back(reduce);
  }
}

void ParameterSet::allocate(Purpose purpose, const ShardSettings& shard) {
  const bool trains = purpose == Purpose::train, share_weights = shard.shard == Shard::parameters,
             share_gradients = shard.shard != Shard::optimizer;
  for (std::vector<Portion>& unit : units_) {
    for (Portion& portion : unit) {
      const bool whole = !portion.is_shared() || !share_weights;
      bytes_.weights += allocate_run(portion.weights, portion.rank, DType::u8, whole, memory_);
      place_weights(portion, portion.weights.whole);
      for (std::size_t i = 0; i < portion.parameters.size(); ++i) {
        Parameter& parameter = parameters_[portion.parameters[i]];
        parameter.own_weight =
            own_rows(portion.weights, portion.rank, i, parameter.weight.dtype, parameter.spec.shape, parameter.own);
      }
    }
  }
  for (Parameter& parameter : parameters_) {  // buffers
    if (parameter.spec.trainable()) continue;
    parameter.weight = parameter.own_weight = memory_.allocate(DType::f32, parameter.spec.shape);
    bytes_.weights += parameter.weight.bytes();
  }
  if (trains && share_weights) allocate_slots(true, weight_slots_);
  for (Parameter& parameter : parameters_) {
    bytes_.owned += Tensor(nullptr, DType::f32, with_rows(parameter.spec.shape, parameter.own.count)).bytes();
    if (!has_copy(parameter.spec, dtype_)) {
      parameter.master = parameter.own_weight;
    } else if (trains && parameter.own.count > 0) {
      parameter.master = memory_.allocate(DType::f32, with_rows(parameter.spec.shape, parameter.own.count));
      bytes_.masters += parameter.master.bytes();
    }
  }
  if (!trains) return;
  for (std::vector<Portion>& unit : units_) {
    for (Portion& portion : unit) {
      const bool whole = !portion.is_shared() || !share_gradients;
      bytes_.gradients += allocate_run(portion.gradients, portion.rank, DType::f32, whole, memory_);
      place_gradients(portion, portion.gradients.whole);
      for (std::size_t i = 0; i < portion.parameters.size(); ++i) {
        Parameter& parameter = parameters_[portion.parameters[i]];
        parameter.own_gradient =
            own_rows(portion.gradients, portion.rank, i, DType::f32, parameter.spec.shape, parameter.own);
      }
    }
  }
  if (share_gradients) allocate_slots(false, gradient_slots_);
}

void ParameterSet::allocate_slots(bool weights, std::array<Tensor, n_slots>& slots) {
  std::array<std::size_t, n_slots> most{};
  for (std::size_t unit = 0; unit < units_.size(); ++unit) {
    std::size_t bytes = 0;
    for (const Portion& portion : units_[unit])
      if (portion.is_shared()) bytes += (weights ? portion.weights : portion.gradients).bytes;
    most[slot_of(unit)] = std::max(most[slot_of(unit)], bytes);
  }
  for (std::size_t slot = 0; slot < n_slots; ++slot) {
    slots[slot] = memory_.allocate(DType::u8, {static_cast<std::int64_t>(most[slot])});
    (weights ? bytes_.weights : bytes_.gradients) += most[slot];
  }
}

Tensor ParameterSet::weights_in_slot(const Portion& portion) const {
  return view(weight_slots_[slot_of(portion.unit)], portion.weights.slot_at, DType::u8,
              {portion.weights.bounds.back()});
}

Tensor ParameterSet::gradients_in_slot(const Portion& portion) const {
  return view(gradient_slots_[slot_of(portion.unit)], portion.gradients.slot_at, DType::f32,
              {portion.gradients.bounds.back()});
}

void ParameterSet::place_weights(const Portion& portion, const Tensor& memory) {
  for (std::size_t i = 0; i < portion.parameters.size(); ++i) {
    Parameter& parameter = parameters_[portion.parameters[i]];
    parameter.weight = view(memory, portion.weights.at[i], has_copy(parameter.spec, dtype_) ? dtype_ : DType::f32,
                            parameter.spec.shape);
  }
}

void ParameterSet::place_gradients(const Portion& portion, const Tensor& memory) {
  for (std::size_t i = 0; i < portion.parameters.size(); ++i) {
    Parameter& parameter = parameters_[portion.parameters[i]];
    parameter.gradient = view(memory, portion.gradients.at[i], DType::f32, parameter.spec.shape);
  }
}

const Parameter& ParameterSet::get(std::string_view name) const {
  const auto found = index_.find(name);
  HEARTH_CHECK(found != index_.end(), "no parameter " + std::string(name));
  return parameters_[found->second];
}

void ParameterSet::initialise(Stream& stream, std::uint64_t seed) {
  for (const Parameter& parameter : parameters_) {
    const ParameterSpec& spec = parameter.spec;
    if (parameter.own.count == 0) continue;
    HEARTH_CHECK(parameter.master, "a set made to run has no masters to initialise");
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
      const std::int64_t row = spec.shape.n_elements() / spec.shape[0], first = parameter.own.first * row,
                         end = first + parameter.own.count * row;
      spec.for_runs([&](std::int64_t begin, std::int64_t whole_begin, std::int64_t count) {
        const std::int64_t from = std::max(begin, first), to = std::min(begin + count, end);
        for (std::int64_t i = from; i < to; i += most_at_once)
          runs.push_back({i - first, whole_begin + i - begin, std::min(most_at_once, to - i)});
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
    if (parameter.master && parameter.master.data != parameter.own_weight.data) {
      kernels::cast(stream, {.x = parameter.master, .y = parameter.own_weight});
    }
  }
}

void ParameterSet::zero_gradients(Stream& stream) {
  for (const std::vector<Portion>& unit : units_) {
    for (const Portion& portion : unit)
      stream.zero(portion.gradients.whole ? portion.gradients.whole : portion.gradients.own);
  }
}

ParameterSet::Bytes ParameterSet::plan(const ModelConfig& config, DType dtype, Purpose purpose,
                                       const Parallel& parallel, const ShardSettings& shard) {
  return ParameterSet(config, dtype, purpose, parallel, shard, Arena()).bytes_;
}

}  // namespace hearth::nn
