// SPDX-License-Identifier: Apache-2.0
// A model as the figures that cost anything: what planning needs of it, and no more. Holds shapes that nn::ModelConfig
// cannot name yet (latent attention), so that published runs can be planned, too.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/nn/config.h"

namespace hearth::train {

struct AttentionShape {
  std::int64_t heads = 0, kv_heads = 0;
  std::int64_t key_dim = 0, value_dim = 0;                // of a head
  std::int64_t q_rank = 0, kv_rank = 0, shared_rope = 0;  // latent attention (MLA); kv_rank 0: none
  nn::Mask mask = {};
  bool operator==(const AttentionShape&) const = default;
};

struct LayerShape {
  AttentionShape attention;
  std::int64_t ffn = 0;                                             // dense SwiGLU, of every token; 0: none
  std::int64_t experts = 0, k = 0, expert_ffn = 0, shared_ffn = 0;  // a mixture
  bool operator==(const LayerShape&) const = default;
};

struct ModelShape {
  std::string name;
  std::int64_t vocab = 0, hidden = 0;
  std::int64_t context = 0;  // of its published training
  bool tied = false;
  std::vector<LayerShape> layers;
};

ModelShape shape_of(const nn::ModelConfig& config, std::string name);

// Published models, for planning and for checking the plan (tests/lib/train/test_cluster.cpp). Throws Error{usage} that
// lists the names.
ModelShape published_shape(std::string_view name);
const std::vector<std::string>& published_names();

// A matrix [out, in] of a layer that tokens are multiplied with, in the order of a forward pass.
struct Product {
  enum class Split { none, out, in };  // over tensor ranks
  enum class Rows { tokens, routed };
  double out = 0, in = 0;
  Split split = Split::none;
  Rows rows = Rows::tokens;  // routed: one such matrix for each expert
};
std::vector<Product> products_of(const LayerShape& layer, std::int64_t hidden);

struct ShapeCount {
  double total = 0, active = 0;  // active: as nn::ParameterCount, the matrices a token meets, the input table not
};
ShapeCount count_parameters(const ModelShape& shape);

// Floating-point operations per token of training at this context, as nn::train_flops_per_token counts them.
double train_flops_per_token(const ModelShape& shape, std::int64_t context);

}  // namespace hearth::train
