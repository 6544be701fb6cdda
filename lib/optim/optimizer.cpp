// SPDX-License-Identifier: Apache-2.0
#include "lib/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "kernels/adamw.h"
#include "kernels/muon.h"
#include "kernels/reduce.h"

namespace hearth::optim {
namespace {
bool uses_muon(const nn::ParameterSpec& spec, const OptimizerSettings& settings) {
  return settings.muon && spec.muon();
}

// Rows of a parameter as Muon sees them: each matrix on its own.
Shape matrices_of(const nn::ParameterSpec& spec, std::int64_t rows) {
  const std::int64_t columns = spec.shape[-1];
  const std::int64_t matrix_rows = spec.shape.n_elements() / columns / spec.n_matrices;
  const std::int64_t n_matrices = spec.shape.n_elements() / spec.shape[0] * rows / columns / matrix_rows;
  return {n_matrices, matrix_rows, columns};
}

Shape with_rows(Shape shape, std::int64_t rows) {
  std::vector<std::int64_t> extents(shape.begin(), shape.end());
  extents[0] = rows;
  return Shape(std::span<const std::int64_t>(extents));
}

// Memory of one parameter's state; planning passes an arena that measures.
Optimizer::Slot allocate_state(const nn::ParameterSpec& spec, const OptimizerSettings& settings, RowRange rows,
                               Arena& arena) {
  Optimizer::Slot slot{.rows = rows, .first = {}, .second = {}};
  const Shape shape = with_rows(spec.shape, rows.count);
  slot.first = arena.allocate(DType::f32, shape);
  if (!uses_muon(spec, settings)) slot.second = arena.allocate(DType::f32, shape);
  return slot;
}

std::int64_t workspace_bytes(const std::vector<nn::ParameterSpec>& specs, const OptimizerSettings& settings,
                             const Sharding& sharding, int rank) {
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const std::int64_t rows = sharding.rows(i, rank).count;
    if (rows == 0 || !uses_muon(specs[i], settings)) continue;
    bytes = std::max(bytes, kernels::muon_workspace_bytes(matrices_of(specs[i], rows)));
  }
  return bytes;
}

std::size_t bytes_of(const std::vector<nn::ParameterSpec>& specs, const OptimizerSettings& settings,
                     const Sharding& sharding, int rank) {
  Arena arena;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const RowRange rows = sharding.rows(i, rank);
    if (rows.count > 0) allocate_state(specs[i], settings, rows, arena);
  }
  arena.allocate(DType::u8, {workspace_bytes(specs, settings, sharding, rank)});
  arena.allocate(DType::f64, {1});
  return arena.peak_bytes();
}

std::vector<nn::ParameterSpec> specs_of(const nn::ParameterSet& parameters) {
  std::vector<nn::ParameterSpec> specs;
  for (const nn::Parameter& parameter : parameters.all()) specs.push_back(parameter.spec);
  return specs;
}
}  // namespace

Optimizer::Optimizer(const nn::ParameterSet& parameters, const OptimizerSettings& settings, int rank, int n_ranks)
    : settings_(settings),
      sharding_(specs_of(parameters), settings.muon, n_ranks),
      memory_(bytes_of(specs_of(parameters), settings, sharding_, rank), parameters.device()) {
  for (std::size_t i = 0; i < parameters.all().size(); ++i) {
    const nn::ParameterSpec& spec = parameters.all()[i].spec;
    Slot slot{.rows = sharding_.rows(i, rank), .first = {}, .second = {}};
    if (slot.rows.count > 0) {
      slot = allocate_state(spec, settings, slot.rows, memory_);
      const bool muon = uses_muon(spec, settings);
      const auto keep = [&](const char* suffix, const Tensor& tensor) {
        state_.push_back({spec.name + suffix, tensor, slot.rows.first, spec.shape});
      };
      keep(muon ? ".momentum" : ".m", slot.first);
      if (!muon) keep(".v", slot.second);
    }
    slots_.push_back(slot);
  }
  workspace_ = memory_.allocate(DType::u8, {workspace_bytes(specs_of(parameters), settings, sharding_, rank)});
  total_ = memory_.allocate(DType::f64, {1});
}

std::size_t Optimizer::plan_bytes(const nn::ModelConfig& config, const OptimizerSettings& settings, int n_ranks) {
  const std::vector<nn::ParameterSpec> specs = nn::parameters_of(config);
  const Sharding sharding(specs, settings.muon, n_ranks);
  std::size_t most = 0;
  for (int rank = 0; rank < n_ranks; ++rank) most = std::max(most, bytes_of(specs, settings, sharding, rank));
  return most;
}

void Optimizer::measure(Stream& stream, const nn::ParameterSet& parameters) {
  stream.zero(total_);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const RowRange rows = slots_[i].rows;
    if (rows.count == 0) continue;
    kernels::sum_of_squares(stream, {.x = parameters.all()[i].gradient.rows(rows.first, rows.count), .total = total_});
  }
}

double Optimizer::gradient_norm(Stream& stream, const nn::ParameterSet& parameters) {
  measure(stream, parameters);
  return std::sqrt(host_copy<double>(stream, total_).front());
}

void Optimizer::step(Stream& stream, nn::ParameterSet& parameters, double learning_rate, double gradient_norm) {
  ++steps_;
  const bool clips = settings_.clip > 0 && gradient_norm > settings_.clip;
  update(stream, parameters,
         {static_cast<float>(learning_rate), static_cast<float>(clips ? settings_.clip / gradient_norm : 1)});
}

void Optimizer::step(Stream& stream, nn::ParameterSet& parameters, const Tensor& control) {
  update(stream, parameters, {.control = control});
}

void Optimizer::update(Stream& stream, nn::ParameterSet& parameters, const Size& size) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const nn::Parameter& parameter = parameters.all()[i];
    const RowRange rows = slots_[i].rows;
    if (rows.count == 0) continue;
    const nn::ParameterSpec& spec = parameter.spec;
    const auto owned = [&](const Tensor& tensor) { return tensor.rows(rows.first, rows.count); };
    const bool has_copy = parameter.weight.data != parameter.master.data;
    const auto weight_decay = static_cast<float>(spec.decays() ? settings_.weight_decay : 0);
    if (uses_muon(spec, settings_)) {
      const Shape shape = matrices_of(spec, rows.count);
      kernels::muon(stream, {.parameter = owned(parameter.master).reshaped(shape),
                             .gradient = owned(parameter.gradient).reshaped(shape),
                             .buffer = slots_[i].first.reshaped(shape),
                             .copy = has_copy ? owned(parameter.weight).reshaped(shape) : Tensor{},
                             .workspace = workspace_,
                             .learning_rate = size.learning_rate,
                             .momentum = static_cast<float>(settings_.muon_momentum),
                             .nesterov = true,
                             .weight_decay = weight_decay,
                             .update_scale = 0.2f * std::sqrt(static_cast<float>(std::max(shape[1], shape[2]))),
                             .gradient_scale = size.gradient_scale,
                             .compute = settings_.muon_compute,
                             .control = size.control});
    } else {
      kernels::adamw(stream, {.parameter = owned(parameter.master),
                              .gradient = owned(parameter.gradient),
                              .m = slots_[i].first,
                              .v = slots_[i].second,
                              .copy = has_copy ? owned(parameter.weight) : Tensor{},
                              .learning_rate = size.learning_rate,
                              .beta1 = static_cast<float>(settings_.beta1),
                              .beta2 = static_cast<float>(settings_.beta2),
                              .epsilon = static_cast<float>(settings_.epsilon),
                              .weight_decay = weight_decay,
                              .gradient_scale = size.gradient_scale,
                              .step = std::max<std::int64_t>(steps_, 1),
                              .control = size.control});
    }
  }
}

}  // namespace hearth::optim
