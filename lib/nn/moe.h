// SPDX-License-Identifier: Apache-2.0
// A mixture of experts as a module, in the stages a schedule may interleave: route, dispatch, experts, combine. Every
// token is served (dropless): rows = tokens * k. The routing weights are applied between the experts' two products, so
// that the layer can forget what the experts returned.
#pragma once
#include <optional>

#include "lib/nn/config.h"
#include "lib/nn/expert_exchange.h"
#include "lib/nn/feed_forward.h"
#include "lib/nn/pass.h"

namespace hearth::nn {

class MoeLayer {
 public:
  // Among tensor ranks each has a share of every expert's columns; all route all tokens, alike.
  MoeLayer(const Moe& shape, const ParameterSet* parameters, std::int64_t layer, const std::string& prefix,
           const Parallel& parallel);

  struct Saved {
    Tensor logits, scores;        // [tokens, experts] f32
    Tensor expert_ids, row_of;    // [tokens, k] i32
    Tensor weights;               // [tokens, k] f32
    Tensor counts;                // [experts] i32
    Tensor offsets;               // [experts + 1] i32
    Tensor token_of;              // [rows] i32
    Tensor row_weight;            // [rows] f32
    Tensor gate_up;               // [rows, 2 * ffn]; the backward pass overwrites it
    GluLayer::Saved shared;
    // Where experts are spread over ranks: then row_weight is of the rows sent, and gate_up of those that came in the
    // first round.
    ExpertExchange::Saved arrived;
    ExpertExchange::Counts arrived_counts;
  };
  // before: of the same pass, whose memory was given back; or none.
  Saved allocate(const Pass& pass, const Saved& before) const;

  // x, y [tokens, hidden]. Without y only `saved` is made.
  void forward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor* y) const;

  // The router's losses are added to the pass's ledger.
  void backward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& dy, const Tensor& dx) const;

 private:
  void route(const Pass& pass, const Tensor& x, const Saved& saved) const;
  void replay(const Pass& pass, const Tensor& choices, const Saved& saved) const;
  void dispatch(const Pass& pass, const Saved& saved) const;
  // What the experts here work on: row r of the sorted ones is x[gather[r]].
  struct Work {
    Tensor x, gather, offsets, row_weight, gate_up;
  };
  Work work_of(const Pass& pass, const Tensor& x, const Saved& saved) const;
  Work work_of(const ExpertExchange::Saved& arrived, const Tensor& gate_up, std::int64_t n) const;
  // All that there is room for, when measuring.
  std::int64_t n_rows_of(const Pass& pass, const ExpertExchange::Round& round) const;
  struct Surplus {
    ExpertExchange::Saved arrived;
    Tensor gate_up;
  };
  Surplus surplus(const Pass& pass) const;
  template <class Body>
  void for_surplus(const Pass& pass, const Saved& saved, const Surplus& more, const Tensor& rows,
                   const Body& body) const;
  void experts(const Pass& pass, const Work& work, const Tensor* rows) const;
  void spread_experts(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& rows, const Tensor* y) const;
  void experts_backward(const Pass& pass, const Work& work, const Tensor& dy, const Tensor& d_rows,
                        const Tensor& d_row_weight) const;
  void spread_experts_backward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& dy,
                               const Tensor& dx, const Tensor& d_rows, const Tensor& d_row_weight) const;
  void route_backward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& d_row_weight,
                      const Tensor& dx, bool add) const;

  Moe shape_;
  std::int64_t layer_;
  std::optional<GluLayer> shared_;
  std::optional<ExpertExchange> exchange_;
  const Parameter *router_ = nullptr, *selection_bias_ = nullptr, *gate_up_ = nullptr, *down_ = nullptr;
};

}  // namespace hearth::nn
