// SPDX-License-Identifier: Apache-2.0
// The one dial: a whole recipe from the number of layers. Width 64 * depth, heads of 64, SwiGLU of 8/3 width, Qwen3's
// shape (or Dots1's with mixtures), so that every depth exports. Sources: aspect ratio and 12 tokens a parameter from
// nanochat's scaling runs; batch from Power Lines (2025); learning rate from the OLMo ladder.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "lib/nn/config.h"

namespace hearth::nn {

inline constexpr int min_depth = 1, max_depth = 64;
inline constexpr double tokens_per_parameter = 12;  // compute-optimal; parameters: matrices and head
inline constexpr double most_epochs = 4;            // repeating data beyond this gains little (Muennighoff et al. 2023)

// Width, heads and feed-forward of `depth` layers. Throws Error{config} for a depth outside [min_depth, max_depth].
ModelConfig config_from_depth(int depth, bool moe, std::int64_t vocab, std::int64_t context);

// How to train a model; every figure can be overridden by an option of pretrain.
struct Recipe {
  std::int64_t token_budget = 0;  // tokens to train on
  std::int64_t batch_tokens = 0;  // a step, a multiple of the context
  double learning_rate = 0;       // of matrices (Muon, scaled to AdamW's step) and of AdamW's parameters alike
  double weight_decay = 0.1;      // of matrices
  double warmup_share = 0.02;     // of all steps
  double decay_share = 0.4;       // of all steps: linear to zero at the end
};

// token_budget 0: compute-optimal for the model's size.
Recipe recipe_for(const ModelConfig& config, std::int64_t token_budget = 0);

// The model that `hours` at flops_per_second train nearest to compute-optimally, and for how many tokens: all that the
// time allows, or most_epochs of the corpus where that is less.
struct DepthChoice {
  int depth = 0;
  std::int64_t token_budget = 0;
  double epochs = 0;                   // of the corpus
  std::optional<std::string> warning;  // too little data, too little time
};
DepthChoice choose_depth(double hours, double flops_per_second, std::int64_t corpus_tokens, bool moe,
                         std::int64_t vocab, std::int64_t context);

}  // namespace hearth::nn
