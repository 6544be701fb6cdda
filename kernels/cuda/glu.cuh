// SPDX-License-Identifier: Apache-2.0
// The gated linear unit of one element, and of the rows that belong to experts.
#pragma once
#include "kernels/cuda/launch.cuh"

namespace hearth::kernels::cuda {

__device__ __forceinline__ float glu_of(float gate, float up) {
  return gate / (1 + expf(-gate)) * up;
}

// a = gate * sigmoid(gate) * up and the gradients that da brings.
struct GluGradient {
  float a, d_gate, d_up;
  __device__ GluGradient(float gate, float up, float da) {
    const float s = 1 / (1 + expf(-gate)), silu = gate * s;
    a = silu * up;
    d_gate = da * up * s * (1 + gate * (1 - s));
    d_up = da * silu;
  }
};

// Rows from *rows_used (on the device; null: all) on are left alone.
void glu_of_rows(Stream& stream, const GluArgs& args, const int* rows_used);
void glu_backward_of_rows(Stream& stream, const GluBackwardArgs& args, const int* rows_used);

}  // namespace hearth::kernels::cuda
