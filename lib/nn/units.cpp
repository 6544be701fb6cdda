// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/units.h"

#include <numeric>

#include "kernels/elementwise.h"

namespace hearth::nn {
namespace {

// The units of a pass in the order the network uses their weights.
std::vector<std::size_t> units_of_pass(std::size_t n_units, const Parallel& parallel, bool tied) {
  const std::size_t n_blocks = n_units - 1 - (parallel.last_stage() && !tied ? 1 : 0);
  std::vector<std::size_t> used;
  if (parallel.first_stage()) used.push_back(0);
  for (std::size_t block = 1; block <= n_blocks; ++block) used.push_back(block);
  if (parallel.last_stage()) used.push_back(tied ? 0 : n_blocks + 1);
  for (std::size_t block = n_blocks; block > 0; --block) used.push_back(block);
  return used;
}

Tensor own_piece(const Portion& portion, const Portion::Run& run, const Tensor& whole) {
  const auto r = static_cast<std::size_t>(portion.rank);
  return whole.rows(run.bounds[r], run.bounds[r + 1] - run.bounds[r]);
}

}  // namespace

Units::Units(ParameterSet& parameters, const Parallel& parallel, Shard shard)
    : parameters_(parameters), mesh_(parallel.mesh), shard_(shard) {}

void Units::Slot::wait(Stream& stream) {
  for (comm::Pending& each : pending) each.wait(stream);
  pending.clear();
}

comm::Communicator& Units::ranks_of(const Portion& portion) const {
  return portion.copies == Copies::expert_data ? mesh_->expert_replicas() : mesh_->replicas();
}

void Units::use(Stream& stream, std::size_t unit, std::size_t next) {
  if (!gathers()) return;
  fetch(stream, unit);
  weights_[parameters_.slot_of(unit)].wait(stream);
  if (parameters_.slot_of(next) != parameters_.slot_of(unit)) fetch(stream, next);
}

void Units::fetch(Stream& stream, std::size_t unit) {
  Slot& slot = weights_[parameters_.slot_of(unit)];
  if (slot.unit == unit) return;
  release_weights(stream, slot);
  slot.unit = unit;
  for (const Portion& portion : parameters_.units()[unit]) {
    if (!portion.is_shared()) continue;
    const Tensor whole = parameters_.weights_in_slot(portion);
    if (portion.weights.own.n_elements() > 0)
      stream.copy(portion.weights.own, own_piece(portion, portion.weights, whole));
    slot.pending.push_back(ranks_of(portion).gather_pieces(stream, whole, portion.weights.bounds));
    parameters_.place_weights(portion, whole);
  }
}

void Units::release_weights(Stream& stream, Slot& slot) {
  slot.wait(stream);
  if (!slot.unit) return;
  for (const Portion& portion : parameters_.units()[*slot.unit])
    if (portion.is_shared()) parameters_.place_weights(portion, {});
  slot.unit.reset();
}

void Units::begin_gradients(Stream& stream, std::size_t unit) {
  if (shard_ == Shard::optimizer) return;
  Slot& slot = gradients_[parameters_.slot_of(unit)];
  take_sums(stream, slot);
  slot.unit = unit;
  for (const Portion& portion : parameters_.units()[unit]) {
    if (!portion.is_shared()) continue;
    const Tensor whole = parameters_.gradients_in_slot(portion);
    stream.zero(whole);
    parameters_.place_gradients(portion, whole);
  }
}

void Units::end_gradients(Stream& stream, std::size_t unit) {
  if (shard_ == Shard::optimizer) return;
  Slot& slot = gradients_[parameters_.slot_of(unit)];
  for (const Portion& portion : parameters_.units()[unit]) {
    if (!portion.is_shared()) continue;
    start_reduction(stream, portion, parameters_.gradients_in_slot(portion), slot.pending);
    parameters_.place_gradients(portion, {});
  }
}

void Units::start_reduction(Stream& stream, const Portion& portion, const Tensor& gradients,
                            std::vector<comm::Pending>& pending) const {
  if (portion.copies == Copies::data_and_tensor) mesh_->tensor().all_reduce(stream, gradients).wait(stream);
  if (portion.is_shared())
    pending.push_back(ranks_of(portion).reduce_pieces(stream, gradients, portion.gradients.bounds));
}

// What came of a unit's reduction, to what its owners have of the microbatches before.
void Units::take_sums(Stream& stream, Slot& slot) {
  slot.wait(stream);
  if (!slot.unit) return;
  for (const Portion& portion : parameters_.units()[*slot.unit]) {
    const Tensor& sums = portion.gradients.own;
    if (!portion.is_shared() || sums.n_elements() == 0) continue;
    const Tensor more = own_piece(portion, portion.gradients, parameters_.gradients_in_slot(portion));
    kernels::add(stream, {.a = sums, .b = more, .y = sums});
  }
  slot.unit.reset();
}

void Units::reduce(Stream& stream) {
  std::vector<comm::Pending> pending;
  for (const std::vector<Portion>& unit : parameters_.units()) {
    for (const Portion& portion : unit)
      if (portion.gradients.whole && mesh_ != nullptr)
        start_reduction(stream, portion, portion.gradients.whole, pending);
  }
  for (Slot& slot : gradients_) take_sums(stream, slot);
  for (comm::Pending& each : pending) each.wait(stream);
}

void Units::spread(Stream& stream) {
  for (Slot& slot : weights_) release_weights(stream, slot);
  std::vector<comm::Pending> pending;
  for (const std::vector<Portion>& unit : parameters_.units()) {
    for (const Portion& portion : unit)
      if (portion.weights.whole && portion.is_shared())
        pending.push_back(ranks_of(portion).gather_pieces(stream, portion.weights.whole, portion.weights.bounds));
  }
  for (comm::Pending& each : pending) each.wait(stream);
}

double exchanged_bytes(const ParameterSet::Bytes& units, Shard shard, std::int64_t n_passes, const Parallel& parallel,
                       bool tied) {
  const double gather = std::accumulate(units.gather.begin(), units.gather.end(), 0.0);
  const double reduce = std::accumulate(units.reduce.begin(), units.reduce.end(), 0.0);
  const auto passes = static_cast<double>(n_passes);
  if (shard == Shard::optimizer) return gather + reduce;
  if (shard == Shard::gradients) return gather + passes * reduce;
  double gathered = 0;
  std::array<std::optional<std::size_t>, ParameterSet::n_slots> slots;
  for (std::int64_t pass = 0; pass < n_passes; ++pass) {
    for (const std::size_t unit : units_of_pass(units.gather.size(), parallel, tied)) {
      std::optional<std::size_t>& slot = slots[ParameterSet::slot_of(unit, tied)];
      if (slot != unit) gathered += units.gather[unit];
      slot = unit;
    }
  }
  return gathered + passes * reduce;
}

}  // namespace hearth::nn
