// SPDX-License-Identifier: Apache-2.0
// What a ModelConfig adds up to: parameters and arithmetic.
#include "lib/nn/config.h"

#include <algorithm>

#include "lib/nn/parameters.h"

namespace hearth::nn {

bool ModelConfig::has_moe() const {
  return std::any_of(layers.begin(), layers.end(),
                     [this](std::size_t layer) { return blocks[layer].second.feed_forward.moe.has_value(); });
}

ParameterCount count_parameters(const ModelConfig& config) {
  ParameterCount count;
  count.embedding = config.vocab * config.hidden;
  for (const ParameterSpec& spec : parameters_of(config)) {
    if (!spec.trainable()) continue;
    count.total += spec.shape.n_elements();
    if (spec.shape.rank() < 3 && spec.role != Role::embedding) count.active += spec.shape.n_elements();
  }
  if (config.tie_embeddings) count.active += count.embedding;  // as the head
  for (std::int64_t layer = 0; layer < config.n_layers(); ++layer) {
    const auto& moe = config.block(layer).feed_forward.moe;
    if (moe) count.active += 3 * moe->k * moe->ffn * config.hidden;
  }
  return count;
}

double mean_keys(const Mask& mask, std::int64_t context) {
  const double n = static_cast<double>(context), size = std::min(static_cast<double>(mask.size), n);
  switch (mask.kind) {
    case Mask::Kind::window:
      return size - size * size / (2 * n);
    case Mask::Kind::chunk:
      return size / 2;
    case Mask::Kind::full:
      break;
  }
  return n / 2;
}

double train_flops_per_token(const ModelConfig& config, std::int64_t context) {
  double flops = 6.0 * static_cast<double>(count_parameters(config).active);
  for (std::int64_t layer = 0; layer < config.n_layers(); ++layer) {
    const Block& block = config.block(layer);
    flops += 12.0 * static_cast<double>(block.attention.heads * block.attention.head_dim) *
             mean_keys(block.mask, context);
  }
  return flops;
}

}  // namespace hearth::nn
