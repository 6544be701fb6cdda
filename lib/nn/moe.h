// SPDX-License-Identifier: Apache-2.0
// A mixture of experts as a module, in the stages a schedule may interleave: route, dispatch, experts, combine. Every
// token is served (dropless): rows = tokens * k. The routing weights are applied between the experts' two products, so
// that the layer can forget what the experts returned.
#pragma once
#include <optional>

#include "lib/nn/config.h"
#include "lib/nn/feed_forward.h"
#include "lib/nn/pass.h"

namespace hearth::nn {

class MoeLayer {
 public:
  MoeLayer(const Moe& shape, const ParameterSet* parameters, const std::string& prefix);

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
  };
  Saved allocate(const Pass& pass) const;

  // x, y [tokens, hidden]. Without y only `saved` is made.
  void forward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor* y) const;

  // The router's losses are added to the pass's ledger.
  void backward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& dy, const Tensor& dx) const;

 private:
  void route(const Pass& pass, const Tensor& x, const Saved& saved) const;
  void dispatch(const Pass& pass, const Saved& saved) const;
  void experts(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor* rows) const;
  void experts_backward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& dy, const Tensor& d_rows,
                        const Tensor& d_row_weight) const;
  void route_backward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& d_row_weight,
                      const Tensor& dx, bool add) const;

  Moe shape_;
  std::optional<GluLayer> shared_;
  const Parameter *router_ = nullptr, *selection_bias_ = nullptr, *gate_up_ = nullptr, *down_ = nullptr;
};

}  // namespace hearth::nn
