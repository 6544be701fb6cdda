// SPDX-License-Identifier: Apache-2.0
// How the ranks that hold the same parameters bring them together and add up their gradients, unit by unit
// (ParameterSpec::unit). Whatever is shared out (lib/nn/sharding.h), it is the same two calls on the same pieces:
//
//                              gather: own rows -> whole weights    reduce: whole gradients -> sums of the own rows
//   Shard::optimizer           after each step, all units           at the end of each step, all units
//   Shard::gradients           after each step, all units           after a unit's backward pass
//   Shard::parameters          before a unit is used                after a unit's backward pass
//
// While a unit is computed the next one's weights and the last one's gradients are under way. Sums are in rank order;
// gradients reduced within a pass are added up over the microbatches by their owners in f32, so that with one
// microbatch a step the bits are those of Shard::optimizer.
#pragma once
#include <array>
#include <optional>
#include <vector>

#include "lib/comm/communicator.h"
#include "lib/nn/parallel.h"
#include "lib/nn/parameters.h"

namespace hearth::nn {

class Units {
 public:
  // parameters, and the mesh of parallel, if any, must outlive this.
  Units(ParameterSet& parameters, const Parallel& parallel, Shard shard);

  // Within a pass, in the same order on all ranks that hold the same. use: the unit's weights are there for what the
  // stream is asked for next, until another is used; those of `next`, if it is another, are on their way.
  void use(Stream& stream, std::size_t unit, std::size_t next);
  // Between the two, the unit's gradients can be added to.
  void begin_gradients(Stream& stream, std::size_t unit);
  void end_gradients(Stream& stream, std::size_t unit);

  // After the passes of a step: the gradients of the own rows are summed over the ranks. Collective.
  void reduce(Stream& stream);
  // After the own rows of the weights were set: what was whole of them is so again, or will be when used. Collective.
  void spread(Stream& stream);
  // Whether ranks that hold the same meet even in a pass without gradients.
  bool gathers() const { return shard_ == Shard::parameters; }

 private:
  // Memory that holds a unit whole, and what of it is under way.
  struct Slot {
    std::optional<std::size_t> unit;
    std::vector<comm::Pending> pending;
    void wait(Stream& stream);
  };
  comm::Communicator& ranks_of(const Portion& portion) const;
  void fetch(Stream& stream, std::size_t unit);
  void release_weights(Stream& stream, Slot& slot);
  void start_reduction(Stream& stream, const Portion& portion, const Tensor& gradients,
                       std::vector<comm::Pending>& pending) const;
  void take_sums(Stream& stream, Slot& slot);

  ParameterSet& parameters_;
  const comm::Mesh* mesh_;
  Shard shard_;
  std::array<Slot, ParameterSet::n_slots> weights_, gradients_;
};

// Bytes a rank sends for all that in a step of so many passes, on average over those that hold the same.
double exchanged_bytes(const ParameterSet::Bytes& units, Shard shard, std::int64_t n_passes, const Parallel& parallel,
                       bool tied);

}  // namespace hearth::nn
