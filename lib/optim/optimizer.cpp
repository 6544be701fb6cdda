// SPDX-License-Identifier: Apache-2.0
#include "lib/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "kernels/adamw.h"
#include "kernels/elementwise.h"
#include "kernels/muon.h"
#include "kernels/reduce.h"

namespace hearth::optim {
namespace {
bool uses_muon(const nn::ParameterSpec& spec, const OptimizerSettings& settings) {
  return settings.muon && spec.muon();
}

// Rows of a parameter as Muon sees them: each matrix on its own.
Shape matrices_of(const Tensor& rows, std::int64_t matrix_rows) {
  const std::int64_t columns = rows.shape[-1];
  return {rows.n_elements() / columns / matrix_rows, matrix_rows, columns};
}

std::vector<nn::ParameterSpec> specs_of(const nn::ParameterSet& parameters) {
  std::vector<nn::ParameterSpec> specs;
  for (const nn::Parameter& parameter : parameters.all()) specs.push_back(parameter.spec);
  return specs;
}

std::vector<nn::RowRange> own_rows_of(const nn::ParameterSet& parameters) {
  std::vector<nn::RowRange> rows;
  for (const nn::Parameter& parameter : parameters.all())
    rows.push_back(parameter.spec.trainable() ? parameter.own : nn::RowRange{});
  return rows;
}

// A tensor of every parameter.
std::vector<Tensor> each(const nn::ParameterSet& parameters, Tensor nn::Parameter::* tensor) {
  std::vector<Tensor> tensors;
  for (const nn::Parameter& parameter : parameters.all()) tensors.push_back(parameter.*tensor);
  return tensors;
}

}  // namespace

Optimizer::Parts::Parts(const std::vector<nn::ParameterSpec>& specs, const std::vector<nn::RowRange>& rows,
                        const OptimizerSettings& settings, const nn::Parallel& parallel, Arena& arena) {
  std::int64_t workspace_bytes = 0;
  const auto add = [&](Slot slot, const Shape& shape) {
    const nn::ParameterSpec& spec = specs[slot.parameter];
    slot.first = arena.allocate(DType::f32, shape);
    if (uses_muon(spec, settings)) {
      workspace_bytes = std::max(
          workspace_bytes, kernels::muon_workspace_bytes(matrices_of(
                               slot.first, slot.assembled >= 0 ? spec.whole_matrix_rows() : spec.rows_of_matrix())));
    } else {
      slot.second = arena.allocate(DType::f32, shape);
    }
    slots.push_back(slot);
  };
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const bool whole = specs[i].role != nn::Role::matrix || specs[i].split == nn::Split::none;
    if (whole && rows[i].count > 0) add({.parameter = i, .rows = rows[i]}, nn::with_rows(specs[i].shape, rows[i].count));
  }
  if (parallel.cuts_tensors()) {
    assembly.emplace(specs, rows, parallel.at.tensor, parallel.shape.tensor, arena);
    for (std::size_t i = 0; i < assembly->pieces().size(); ++i) {
      const Assembly::Piece& piece = assembly->pieces()[i];
      masters.push_back(arena.allocate(DType::f32, piece.whole));
      gradients.push_back(arena.allocate(DType::f32, piece.whole));
      add({.parameter = piece.parameter, .rows = piece.whole_rows, .assembled = static_cast<int>(i)}, piece.whole);
    }
  }
  workspace = arena.allocate(DType::u8, {workspace_bytes});
  total = arena.allocate(DType::f64, {1});
}

Optimizer::Optimizer(const nn::ParameterSet& parameters, const OptimizerSettings& settings,
                     const nn::Parallel& parallel)
    : settings_(settings),
      parallel_(parallel),
      memory_(
          [&] {
            Arena measuring;
            const std::vector<nn::ParameterSpec> specs = specs_of(parameters);
            const Parts planned(specs, own_rows_of(parameters), settings, parallel, measuring);
            return measuring.peak_bytes();
          }(),
          parameters.device()),
      specs_(specs_of(parameters)),
      parts_(specs_, own_rows_of(parameters), settings, parallel, memory_) {
  for (const Slot& slot : parts_.slots) {
    const nn::ParameterSpec& spec = specs_[slot.parameter];
    const bool muon = uses_muon(spec, settings);
    const std::int64_t first_row = slot.rows.first + (slot.assembled >= 0 ? 0 : spec.first_row());
    const auto keep = [&](const char* suffix, const Tensor& tensor) {
      state_.push_back({spec.name + suffix, tensor, first_row, spec.whole});
      state_of_.push_back(slot.parameter);
    };
    keep(muon ? ".momentum" : ".m", slot.first);
    if (!muon) keep(".v", slot.second);
  }
}

std::size_t Optimizer::plan_bytes(const nn::ModelConfig& config, const OptimizerSettings& settings,
                                  const comm::MeshShape& shape) {
  std::size_t most = 0;
  std::optional<nn::Sharding> sharding;
  int stage = -1;
  // Ranks of one tensor group need about the same.
  for (int rank = 0; rank < shape.n_ranks(); rank += shape.tensor) {
    const nn::Parallel parallel(shape, comm::coordinates_of(shape, rank));
    const std::vector<nn::ParameterSpec> specs = nn::parameters_of(config, parallel);
    if (std::exchange(stage, parallel.at.pipeline) != parallel.at.pipeline)
      sharding.emplace(specs, parallel, settings.muon);
    std::vector<nn::RowRange> rows(specs.size());
    for (std::size_t i = 0; i < specs.size(); ++i)
      if (specs[i].trainable()) rows[i] = sharding->rows(i, parallel);
    Arena arena;
    const Parts planned(specs, rows, settings, parallel, arena);
    most = std::max(most, arena.peak_bytes());
  }
  return most;
}

// What all tensor ranks hold alike is counted, and written, by the first of them.
bool Optimizer::is_first_holder(const nn::ParameterSpec& spec) const {
  return spec.copies != nn::Copies::data_and_tensor || parallel_.first_of_tensor();
}

void Optimizer::measure(Stream& stream, const nn::ParameterSet& parameters) {
  stream.zero(parts_.total);
  for (const nn::Parameter& parameter : parameters.all()) {
    if (!parameter.own_gradient || !is_first_holder(parameter.spec)) continue;
    kernels::sum_of_squares(stream, {.x = parameter.own_gradient, .total = parts_.total});
  }
}

double Optimizer::gradient_norm(Stream& stream, const nn::ParameterSet& parameters) {
  measure(stream, parameters);
  return std::sqrt(host_copy<double>(stream, parts_.total).front());
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

Optimizer::Operands Optimizer::operands_of(const Slot& slot, const nn::ParameterSet& parameters) const {
  if (slot.assembled >= 0) {
    const auto piece = static_cast<std::size_t>(slot.assembled);
    return {parts_.masters[piece], parts_.gradients[piece], {}};
  }
  const nn::Parameter& parameter = parameters.all()[slot.parameter];
  const bool has_copy = parameter.own_weight.data != parameter.master.data;
  return {parameter.master, parameter.own_gradient, has_copy ? parameter.own_weight : Tensor{}};
}

void Optimizer::update(Stream& stream, nn::ParameterSet& parameters, const Size& size) {
  if (parts_.assembly) {
    parts_.assembly->gather(parallel_.mesh->tensor(), stream, each(parameters, &nn::Parameter::own_gradient),
                            parts_.gradients);
  }
  for (const Slot& slot : parts_.slots)
    update_slot(stream, specs_[slot.parameter], slot, operands_of(slot, parameters), size);
  if (parts_.assembly) spread_masters(stream, parameters);
}

void Optimizer::update_slot(Stream& stream, const nn::ParameterSpec& spec, const Slot& slot, const Operands& operands,
                            const Size& size) {
  const auto weight_decay = static_cast<float>(spec.decays() ? settings_.weight_decay : 0);
  if (uses_muon(spec, settings_)) {
    const Shape shape = matrices_of(slot.first, slot.assembled >= 0 ? spec.whole_matrix_rows() : spec.rows_of_matrix());
    kernels::muon(stream, {.parameter = operands.master.reshaped(shape),
                           .gradient = operands.gradient.reshaped(shape),
                           .buffer = slot.first.reshaped(shape),
                           .copy = operands.copy ? operands.copy.reshaped(shape) : Tensor{},
                           .workspace = parts_.workspace,
                           .learning_rate = size.learning_rate,
                           .momentum = static_cast<float>(settings_.muon_momentum),
                           .nesterov = true,
                           .weight_decay = weight_decay,
                           .update_scale = 0.2f * std::sqrt(static_cast<float>(std::max(shape[1], shape[2]))),
                           .gradient_scale = size.gradient_scale,
                           .compute = settings_.muon_compute,
                           .control = size.control});
  } else {
    kernels::adamw(stream, {.parameter = operands.master,
                            .gradient = operands.gradient,
                            .m = slot.first,
                            .v = slot.second,
                            .copy = operands.copy,
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

void Optimizer::take_masters(Stream& stream, const nn::ParameterSet& parameters) {
  if (!parts_.assembly) return;
  parts_.assembly->gather(parallel_.mesh->tensor(), stream, each(parameters, &nn::Parameter::master), parts_.masters);
}

// What was stepped whole, back to where its parts lie.
void Optimizer::spread_masters(Stream& stream, nn::ParameterSet& parameters) {
  parts_.assembly->scatter(parallel_.mesh->tensor(), stream, parts_.masters, each(parameters, &nn::Parameter::master));
  for (const nn::Parameter& parameter : parameters.all()) {
    if (parameter.spec.split == nn::Split::none || parameter.own.count == 0 ||
        parameter.own_weight.data == parameter.master.data)
      continue;
    kernels::cast(stream, {.x = parameter.master, .y = parameter.own_weight});
  }
}

std::vector<StateTensor> Optimizer::owned_parameters(const nn::ParameterSet& parameters) const {
  std::vector<StateTensor> owned;
  for (const Slot& slot : parts_.slots) {
    const nn::ParameterSpec& spec = specs_[slot.parameter];
    if (!is_first_holder(spec)) continue;
    owned.push_back({spec.name, operands_of(slot, parameters).master,
                     slot.rows.first + (slot.assembled >= 0 ? 0 : spec.first_row()), spec.whole});
  }
  return owned;
}

std::vector<StateTensor> Optimizer::owned_state() const {
  std::vector<StateTensor> owned;
  for (std::size_t i = 0; i < state_.size(); ++i) {
    if (is_first_holder(specs_[state_of_[i]])) owned.push_back(state_[i]);
  }
  return owned;
}

}  // namespace hearth::optim
