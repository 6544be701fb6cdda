// SPDX-License-Identifier: Apache-2.0
#include "lib/optim/optimizer.h"

#include <algorithm>
#include <cmath>

#include "kernels/adamw.h"
#include "kernels/muon.h"
#include "kernels/reduce.h"

namespace hearth::optim {
namespace {
bool uses_muon(const nn::ParameterSpec& spec, const OptimizerSettings& settings) { return settings.muon && spec.muon(); }

// A parameter as Muon sees it: each of its matrices on its own.
Shape matrices_of(const nn::ParameterSpec& spec) {
  const std::int64_t columns = spec.shape[-1];
  return {spec.n_matrices, spec.shape.n_elements() / columns / spec.n_matrices, columns};
}

// Memory of one parameter's state; planning passes an arena that measures.
Optimizer::Slot allocate_state(const nn::ParameterSpec& spec, const OptimizerSettings& settings, Arena& arena) {
  Optimizer::Slot slot;
  slot.first = arena.allocate(DType::f32, spec.shape);
  if (!uses_muon(spec, settings)) slot.second = arena.allocate(DType::f32, spec.shape);
  return slot;
}

std::int64_t workspace_bytes(const std::vector<nn::ParameterSpec>& specs, const OptimizerSettings& settings) {
  std::int64_t bytes = 0;
  for (const nn::ParameterSpec& spec : specs) {
    if (uses_muon(spec, settings)) bytes = std::max(bytes, kernels::muon_workspace_bytes(matrices_of(spec)));
  }
  return bytes;
}

std::size_t bytes_of(const std::vector<nn::ParameterSpec>& specs, const OptimizerSettings& settings) {
  Arena arena;
  for (const nn::ParameterSpec& spec : specs) {
    if (spec.trainable()) allocate_state(spec, settings, arena);
  }
  arena.allocate(DType::u8, {workspace_bytes(specs, settings)});
  arena.allocate(DType::f64, {1});
  return arena.peak_bytes();
}

std::vector<nn::ParameterSpec> specs_of(const nn::ParameterSet& parameters) {
  std::vector<nn::ParameterSpec> specs;
  for (const nn::Parameter& parameter : parameters.all()) specs.push_back(parameter.spec);
  return specs;
}
}  // namespace

Optimizer::Optimizer(const nn::ParameterSet& parameters, const OptimizerSettings& settings)
    : settings_(settings), memory_(bytes_of(specs_of(parameters), settings), parameters.device()) {
  for (const nn::Parameter& parameter : parameters.all()) {
    Slot slot;
    if (parameter.spec.trainable()) {
      slot = allocate_state(parameter.spec, settings, memory_);
      const bool muon = uses_muon(parameter.spec, settings);
      state_.push_back({parameter.spec.name + (muon ? ".momentum" : ".m"), slot.first});
      if (!muon) state_.push_back({parameter.spec.name + ".v", slot.second});
    }
    slots_.push_back(slot);
  }
  workspace_ = memory_.allocate(DType::u8, {workspace_bytes(specs_of(parameters), settings)});
  total_ = memory_.allocate(DType::f64, {1});
}

std::size_t Optimizer::plan_bytes(const nn::ModelConfig& config, const OptimizerSettings& settings) {
  return bytes_of(nn::parameters_of(config), settings);
}

void Optimizer::measure(Stream& stream, const nn::ParameterSet& parameters) {
  stream.zero(total_);
  for (const nn::Parameter& parameter : parameters.all()) {
    if (parameter.gradient) {
      kernels::sum_of_squares(stream, {.x = parameter.gradient, .total = total_});
    }
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
    if (!parameter.gradient) continue;
    const nn::ParameterSpec& spec = parameter.spec;
    const bool has_copy = parameter.weight.data != parameter.master.data;
    const auto weight_decay = static_cast<float>(spec.decays() ? settings_.weight_decay : 0);
    if (uses_muon(spec, settings_)) {
      const Shape shape = matrices_of(spec);
      kernels::muon(stream, {.parameter = parameter.master.reshaped(shape),
                             .gradient = parameter.gradient.reshaped(shape),
                             .buffer = slots_[i].first.reshaped(shape),
                             .copy = has_copy ? parameter.weight.reshaped(shape) : Tensor{},
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
      kernels::adamw(stream, {.parameter = parameter.master,
                              .gradient = parameter.gradient,
                              .m = slots_[i].first,
                              .v = slots_[i].second,
                              .copy = has_copy ? parameter.weight : Tensor{},
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
