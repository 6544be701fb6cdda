// SPDX-License-Identifier: Apache-2.0
#include "lib/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <span>

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

Shape with_rows(Shape shape, std::int64_t rows) {
  std::vector<std::int64_t> extents(shape.begin(), shape.end());
  extents[0] = rows;
  return Shape(std::span<const std::int64_t>(extents));
}

std::vector<nn::ParameterSpec> specs_of(const nn::ParameterSet& parameters) {
  std::vector<nn::ParameterSpec> specs;
  for (const nn::Parameter& parameter : parameters.all()) specs.push_back(parameter.spec);
  return specs;
}

// Among the ranks that hold the same values of a parameter, but for tensor ranks.
std::pair<int, int> rank_among(const nn::Parallel& parallel, nn::Copies copies) {
  const int share = copies == nn::Copies::expert_data ? parallel.shape.expert : 1;
  return {parallel.plane_rank() / share, parallel.plane_size() / share};
}

// By nn::Copies; the same on all ranks of a stage.
std::vector<Sharding> shardings_of(const std::vector<nn::ParameterSpec>& specs, const OptimizerSettings& settings,
                                   const nn::Parallel& parallel) {
  std::vector<Sharding> shardings;
  for (int copies = 0; copies < nn::n_copies; ++copies) {
    const auto of = static_cast<nn::Copies>(copies);
    shardings.emplace_back(cuttable(specs, settings.muon, of), rank_among(parallel, of).second);
  }
  return shardings;
}

}  // namespace

Optimizer::Parts::Parts(const std::vector<nn::ParameterSpec>& specs, const OptimizerSettings& settings,
                        const nn::Parallel& parallel, std::vector<Sharding> cuts, Arena& arena)
    : shardings(std::move(cuts)) {
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const nn::Copies copies = specs[i].copies;
    rows.push_back(shardings[static_cast<std::size_t>(copies)].rows(i, rank_among(parallel, copies).first));
  }
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
    if (whole && rows[i].count > 0) add({.parameter = i, .rows = rows[i]}, with_rows(specs[i].shape, rows[i].count));
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
            const Parts planned(specs, settings, parallel, shardings_of(specs, settings, parallel), measuring);
            return measuring.peak_bytes();
          }(),
          parameters.device()),
      specs_(specs_of(parameters)),
      parts_(specs_, settings, parallel, shardings_of(specs_, settings, parallel), memory_) {
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
  std::vector<Sharding> shardings;
  int stage = -1;
  // Ranks of one tensor group need about the same.
  for (int rank = 0; rank < shape.n_ranks(); rank += shape.tensor) {
    const nn::Parallel parallel(shape, comm::coordinates_of(shape, rank));
    const std::vector<nn::ParameterSpec> specs = nn::parameters_of(config, parallel);
    if (parallel.at.pipeline != stage) shardings = shardings_of(specs, settings, parallel);
    stage = parallel.at.pipeline;
    Arena arena;
    const Parts planned(specs, settings, parallel, shardings, arena);
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
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    const RowRange rows = parts_.rows[i];
    if (rows.count == 0 || !is_first_holder(specs_[i])) continue;
    kernels::sum_of_squares(stream,
                            {.x = parameters.all()[i].gradient.rows(rows.first, rows.count), .total = parts_.total});
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
  const auto owned = [&](const Tensor& tensor) { return tensor.rows(slot.rows.first, slot.rows.count); };
  const bool has_copy = parameter.weight.data != parameter.master.data;
  return {owned(parameter.master), owned(parameter.gradient), has_copy ? owned(parameter.weight) : Tensor{}};
}

void Optimizer::update(Stream& stream, nn::ParameterSet& parameters, const Size& size) {
  if (parts_.assembly) {
    std::vector<Tensor> gradients;
    for (const nn::Parameter& parameter : parameters.all()) gradients.push_back(parameter.gradient);
    parts_.assembly->gather(parallel_.mesh->tensor(), stream, gradients, parts_.gradients);
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
  std::vector<Tensor> masters;
  for (const nn::Parameter& parameter : parameters.all()) masters.push_back(parameter.master);
  parts_.assembly->gather(parallel_.mesh->tensor(), stream, masters, parts_.masters);
}

// What was stepped whole, back to where its parts lie.
void Optimizer::spread_masters(Stream& stream, nn::ParameterSet& parameters) {
  std::vector<Tensor> masters;
  for (const nn::Parameter& parameter : parameters.all()) masters.push_back(parameter.master);
  parts_.assembly->scatter(parallel_.mesh->tensor(), stream, parts_.masters, masters);
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    const nn::Parameter& parameter = parameters.all()[i];
    const RowRange rows = parts_.rows[i];
    if (specs_[i].split == nn::Split::none || rows.count == 0 || parameter.weight.data == parameter.master.data)
      continue;
    kernels::cast(stream, {.x = parameter.master.rows(rows.first, rows.count),
                           .y = parameter.weight.rows(rows.first, rows.count)});
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
