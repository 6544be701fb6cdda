// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/feed_forward.h"

#include "kernels/glu.h"

namespace hearth::nn {

GluLayer::GluLayer(std::int64_t ffn, const ParameterSet* parameters, const std::string& prefix,
                   const Parallel& parallel)
    : ffn_(ffn / parallel.shape.tensor) {
  if (parameters == nullptr) return;
  gate_up_ = &parameters->get(prefix + "gate_up");
  down_ = &parameters->get(prefix + "down");
}

void GluLayer::forward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor* y) const {
  Arena::Scope scope(pass.arena);
  const Tensor activated = pass.activations(ffn_);
  if (pass.measures()) return;
  linear(pass, x, gate_up_, saved.gate_up);
  if (y == nullptr) return;
  kernels::glu(pass.on(), {.x = saved.gate_up, .row_weight = {}, .y = activated});
  linear(pass, activated, down_, *y);
}

void GluLayer::backward(const Pass& pass, const Tensor& x, const Saved& saved, const Tensor& dy,
                        const Tensor& dx) const {
  Arena::Scope scope(pass.arena);
  const Tensor activated = pass.activations(ffn_), d_activated = pass.activations(ffn_);
  if (pass.measures()) return;
  linear_backward_input(pass, dy, down_, d_activated);
  const Tensor& d_gate_up = saved.gate_up;
  kernels::glu_backward(pass.on(), {.dy = d_activated,
                                    .x = saved.gate_up,
                                    .row_weight = {},
                                    .dx = d_gate_up,
                                    .d_row_weight = {},
                                    .y = activated});
  linear_backward_weight(pass, dy, activated, down_);
  linear_backward_weight(pass, d_gate_up, x, gate_up_);
  linear_backward_input(pass, d_gate_up, gate_up_, dx);
}

}  // namespace hearth::nn
