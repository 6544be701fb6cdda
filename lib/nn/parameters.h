// SPDX-License-Identifier: Apache-2.0
// The memory of a model's tensors (lib/nn/parameter_spec.h): weights, fp32 masters and gradients, of which ranks that
// hold the same parameters may have a share each (lib/nn/sharding.h).
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/tensor.h"
#include "lib/device/device.h"
#include "lib/device/memory.h"
#include "lib/nn/parameter_spec.h"
#include "lib/nn/sharding.h"

namespace hearth::nn {

// One tensor's memory. weight is what the kernels multiply with: a bf16 copy of the master, or in f32, or where
// always_f32, the same memory.
struct Parameter {
  ParameterSpec spec;
  // Of this rank's part all rows; none where lib/nn/units.h brings them together, but while it does.
  Tensor weight;
  Tensor gradient;  // f32; none when not trained
  // What this rank keeps of them, and steps: some of the rows, or all where nothing is shared out.
  RowRange own;
  Tensor own_weight;
  Tensor master;  // f32, the exact values; none in a bf16 set made only to run
  Tensor own_gradient;
};

enum class Purpose { run, train };

// The trained parameters of one unit whose values the same ranks hold: what a collective takes as one piece of memory,
// tensors one after another (with gaps of less than 64 bytes, whose contents mean nothing).
struct Portion {
  struct Run {
    std::size_t bytes = 0;
    std::vector<std::size_t> at;       // where each tensor begins, in bytes
    std::vector<std::int64_t> bounds;  // where each rank's rows begin, and the end, in elements of `whole`
    std::size_t slot_at = 0;           // where it begins in its unit's slot
    Tensor whole;                      // flat; none where it is there only while it is used
    Tensor own;                        // this rank's rows: of `whole`, or all there is
  };
  std::size_t unit = 0;
  Copies copies = Copies::data;
  int n_ranks = 1, rank = 0;            // that hold the same, and which this is
  std::vector<std::size_t> parameters;  // of the set
  Run weights, gradients;               // u8, f32

  bool is_shared() const { return n_ranks > 1; }
};

class ParameterSet {
 public:
  // Zeroed memory for all tensors. dtype: f32 or bf16.
  ParameterSet(const ModelConfig& config, DType dtype, Purpose purpose, const Device& device = {},
               const Parallel& parallel = {}, const ShardSettings& shard = {});

  DType dtype() const { return dtype_; }
  const Device& device() const { return device_; }
  std::vector<Parameter>& all() { return parameters_; }
  const std::vector<Parameter>& all() const { return parameters_; }
  // Throws Error{internal} for an unknown name.
  const Parameter& get(std::string_view name) const;

  // Of the rows this rank owns the random start: element i of a tensor is a function of (seed, name, i) alone.
  void initialise(Stream& stream, std::uint64_t seed);
  // Recomputes the own weights from the masters, after these were set.
  void refresh_weights(Stream& stream);
  void zero_gradients(Stream& stream);

  // By unit.
  const std::vector<std::vector<Portion>>& units() const { return units_; }
  // Units that follow each other have different slots, in which they are whole while they are used. What is used at
  // both ends of a pass, a tied embedding, has one of its own all through it.
  static std::size_t slot_of(std::size_t unit, bool tied) { return tied && unit == 0 ? 2 : unit % 2; }
  std::size_t slot_of(std::size_t unit) const { return slot_of(unit, tied_); }
  static constexpr std::size_t n_slots = 3;
  // A portion's place in its unit's slot, flat.
  Tensor weights_in_slot(const Portion& portion) const;
  Tensor gradients_in_slot(const Portion& portion) const;
  // Where the tensors of a portion lie whole from here on; without memory: nowhere.
  void place_weights(const Portion& portion, const Tensor& memory);
  void place_gradients(const Portion& portion, const Tensor& memory);

  struct Bytes {
    std::size_t weights = 0, masters = 0, gradients = 0;
    std::size_t owned = 0;  // of the rows this rank owns, in f32, masters or not: what a checkpoint takes of them
    // By unit, what a rank sends, on average over those that hold the same, to bring it together and to add it up.
    std::vector<double> gather, reduce;
  };
  static Bytes plan(const ModelConfig& config, DType dtype, Purpose purpose, const Parallel& parallel = {},
                    const ShardSettings& shard = {});

 private:
  ParameterSet(const ModelConfig& config, DType dtype, Purpose purpose, const Parallel& parallel,
               const ShardSettings& shard, Arena memory);
  void lay_out(const Sharding& sharding, const Parallel& parallel);
  void allocate(Purpose purpose, const ShardSettings& shard);
  void allocate_slots(bool weights, std::array<Tensor, n_slots>& slots);

  DType dtype_;
  Device device_;
  Arena memory_;
  bool tied_;
  Bytes bytes_;
  std::vector<Parameter> parameters_;
  std::vector<std::vector<Portion>> units_;
  std::array<Tensor, n_slots> weight_slots_, gradient_slots_;
  std::unordered_map<std::string_view, std::size_t> index_;
};

}  // namespace hearth::nn
