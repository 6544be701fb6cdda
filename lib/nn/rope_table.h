// SPDX-License-Identifier: Apache-2.0
// Rope with any scaling, resolved once into plain numbers: kernels never see a scheme. Values agree with transformers'
// modeling_rope_utils (Llama 3.1: piecewise by wavelength; YaRN: Peng et al. 2023, ramp between two dimensions).
#pragma once
#include <vector>

#include "lib/nn/config.h"

namespace hearth::nn {

struct RopeTable {
  std::vector<float> inverse_frequency;  // [dims / 2]
  float multiplier = 1;                  // of cos and sin
  float softmax_scale = 1;               // of the attention's scores: 1 / sqrt(head_dim)
  bool operator==(const RopeTable&) const = default;
};

RopeTable resolve_rope(const Rope& rope, std::int64_t head_dim);

}  // namespace hearth::nn
