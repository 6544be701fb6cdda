// SPDX-License-Identifier: Apache-2.0
// Which architecture known to others (transformers, vLLM, llama.cpp) holds a model of this shape.
//
//   llama      dense, no qk-norm, full masks
//   mistral    the same, every layer with the same window
//   qwen3      dense, qk-norm; full or window by layer
//   qwen3_moe  Qwen3 with softmax mixtures, no selection bias, no shared expert, full masks; some layers may be dense
//   dots1      Qwen3 with sigmoid mixtures, selection bias and shared expert; the first layers may be dense
#pragma once
#include <string>

#include "lib/nn/config.h"

namespace hearth::nn {

struct Family {
  std::string name;     // empty: none
  std::string why_not;  // then: what stands in the way of the nearest one
};
Family family_of(const ModelConfig& config);

}  // namespace hearth::nn
