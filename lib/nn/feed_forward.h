// SPDX-License-Identifier: Apache-2.0
// The dense gated feed-forward layer, also the shared expert of a mixture: y = down (silu(gate x) * up x).
#pragma once
#include "lib/nn/pass.h"

namespace hearth::nn {

class GluLayer {
 public:
  // Among tensor ranks each has a share of the ffn columns, and y and dx are its summands.
  GluLayer(std::int64_t ffn, const ParameterSet* parameters, const std::string& prefix, const Parallel& parallel);

  struct Saved {
    Tensor gate_up;  // [tokens, 2 * ffn]; the backward pass overwrites it
  };
  Saved allocate(const Pass& pass) const { return {pass.activations(2 * ffn_)}; }

  // x, y [tokens, hidden]. Without y only `saved` is made (recomputation needs no more).
  void forward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor* y) const;
  void backward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& dy, const Tensor& dx) const;

 private:
  std::int64_t ffn_;
  const Parameter *gate_up_ = nullptr, *down_ = nullptr;
};

}  // namespace hearth::nn
