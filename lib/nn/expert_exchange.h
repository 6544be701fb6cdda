// SPDX-License-Identifier: Apache-2.0
// Expert parallelism: a layer's experts lie on the ranks of the expert group, equally many on each, in order. Rows (a
// token for one of its experts) go to the rank of their expert, and what it made of them comes back.
#pragma once
#include <array>
#include <vector>

#include "lib/nn/config.h"
#include "lib/nn/pass.h"

namespace hearth::nn {

class ExpertExchange {
 public:
  ExpertExchange(const Moe& shape, const Parallel& parallel);

  // Of the rows that came here. Memory is for the most that can come: every token of every rank to as many of the
  // experts here as it may choose.
  struct Saved {
    Tensor counts;      // [ranks, own experts] i32: how many each rank sent to each expert
    Tensor rows;        // [most rows, hidden] as they came: by rank, then by expert
    Tensor row_of;      // [most rows, 1] i32: where each of them stands when sorted by expert
    Tensor arrived_of;  // [most rows] i32: its inverse
    Tensor offsets;     // [own experts + 1] i32: where each expert's rows start when sorted
    Tensor row_weight;  // [most rows] f32, sorted
  };
  Saved allocate(const Pass& pass) const;
  std::int64_t most_rows(const Pass& pass) const;
  std::int64_t own_experts() const { return own_experts_; }

  // What this rank's tokens go out as: sorted by expert, as kernels::moe_sort gives them.
  struct Routed {
    Tensor offsets, row_weight;
  };
  // rows [tokens * k, hidden], to the ranks of their experts; rows and weights must stay until arrive. In between there
  // is time for other work.
  struct UnderWay {
    comm::Pending rows, weights;
    Tensor arrived_weights;
  };
  UnderWay depart(const Pass& pass, const Tensor& rows, const Routed& routed, const Saved& saved) const;
  void arrive(const Pass& pass, UnderWay& under_way, const Saved& saved) const;

  // sorted [most rows, hidden], one for each that came; rows [tokens * k, hidden]: back where they came from. scratch
  // is like sorted.
  void give_back(const Pass& pass, const Tensor& sorted, const Tensor& scratch, const Routed& routed,
                 const Saved& saved, const Tensor& rows) const;
  // The same of one number a row, [most rows] and [tokens * k] f32.
  void give_back_weights(const Pass& pass, const Tensor& sorted, const Routed& routed, const Saved& saved,
                         const Tensor& rows) const;
  // Gradients of what was given back, in the order they come in: [most rows, hidden].
  void take_gradients(const Pass& pass, const Tensor& d_rows, const Routed& routed, const Saved& saved,
                      const Tensor& d_arrived) const;

 private:
  std::vector<std::int64_t> sent(const Routed& routed) const;    // rows to each rank
  std::vector<std::int64_t> received(const Saved& saved) const;  // and from each
  static std::int64_t n_received(const Saved& saved);

  std::int64_t own_experts_, most_choices_;
  const Parallel& parallel_;
};

}  // namespace hearth::nn
