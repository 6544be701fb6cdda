// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/depth.h"

#include <algorithm>
#include <cmath>

#include "lib/base/error.h"
#include "lib/base/text.h"

namespace hearth::nn {
namespace {
constexpr std::int64_t width_per_layer = 64, head_dim = 64, ffn_multiple = 64;

std::int64_t round_up(double value, std::int64_t multiple) {
  return static_cast<std::int64_t>(std::ceil(value / static_cast<double>(multiple))) * multiple;
}

std::int64_t power_of_two_at_most(double value) {
  return value < 1 ? 1 : std::int64_t{1} << static_cast<int>(std::floor(std::log2(value)));
}

// A mixture that costs a token what the dense layer of width ffn does: its k experts and the shared one share ffn.
Moe mixture_of(int depth, std::int64_t ffn) {
  Moe moe;
  moe.experts = depth < 8 ? 8 : depth < 16 ? 16 : 64;
  moe.k = depth < 16 ? 2 : 6;
  moe.ffn = round_up(static_cast<double>(ffn) / static_cast<double>(moe.k + 1), ffn_multiple);
  moe.shared_ffn = moe.ffn;
  return moe;
}

// The parameters that scaling rules count: what a token is multiplied with, the head included.
double scaling_parameters(const ModelConfig& config) { return static_cast<double>(count_parameters(config).active); }

// Power Lines (2025) fitted by nanochat: 2^19 tokens at 1.155 G tokens of training, growing with the 0.383rd power. Short
// runs take less, so as to have about a thousand steps.
std::int64_t batch_for(const ModelConfig& config, double tokens) {
  const double fitted = std::exp2(std::round(19 + 0.383 * std::log2(tokens / 1.155e9)));
  const std::int64_t batch = power_of_two_at_most(std::min(fitted, tokens / 1000));
  return std::max<std::int64_t>(batch / config.context, 1) * config.context;
}
}  // namespace

ModelConfig config_from_depth(int depth, bool moe, std::int64_t vocab, std::int64_t context) {
  if (depth < min_depth || depth > max_depth) {
    throw Error(Kind::config, "depth is " + std::to_string(depth) + "; it must be from " + std::to_string(min_depth) +
                                  " to " + std::to_string(max_depth));
  }
  ModelConfig config;
  config.vocab = vocab;
  config.context = context;
  config.hidden = width_per_layer * depth;
  Block dense;
  dense.attention = {.heads = depth, .kv_heads = depth % 2 == 0 ? depth / 2 : depth, .head_dim = head_dim};
  dense.rope.dims = head_dim;
  dense.rope.theta = 10000;
  dense.feed_forward.ffn = round_up(static_cast<double>(config.hidden) * 8 / 3, ffn_multiple);
  config.blocks.emplace_back("dense", dense);
  config.layers.assign(static_cast<std::size_t>(depth), 0);
  if (moe && depth > 1) {  // the first layer stays dense: its router would learn slowest (DeepSeek-V3)
    Block mixture = dense;
    mixture.feed_forward = {.ffn = 0, .moe = mixture_of(depth, dense.feed_forward.ffn)};
    config.blocks.emplace_back("mixture", mixture);
    std::fill(config.layers.begin() + 1, config.layers.end(), 1);
  } else if (moe) {
    throw Error(Kind::config, "a mixture of experts needs a depth of at least 2, as its first layer is dense");
  }
  check_config(config);
  return config;
}

Recipe recipe_for(const ModelConfig& config, std::int64_t token_budget) {
  const double parameters = scaling_parameters(config);
  Recipe recipe;
  recipe.token_budget = token_budget > 0 ? token_budget : static_cast<std::int64_t>(tokens_per_parameter * parameters);
  recipe.batch_tokens = batch_for(config, static_cast<double>(recipe.token_budget));
  // The ladder's law is for larger models: below about ten million parameters it asks for more than short runs bear.
  recipe.learning_rate = std::min(0.005, 0.5 * 0.0047 * std::pow(parameters / 108e6, -1.0 / 3));
  return recipe;
}

DepthChoice choose_depth(double hours, double flops_per_second, std::int64_t corpus_tokens, bool moe,
                         std::int64_t vocab, std::int64_t context) {
  const double flops = hours * 3600 * flops_per_second;
  const double corpus_lasts = most_epochs * static_cast<double>(corpus_tokens);
  DepthChoice choice;
  double nearest = 0;
  for (int depth = moe ? 2 : min_depth; depth <= max_depth; ++depth) {
    const ModelConfig config = config_from_depth(depth, moe, vocab, context);
    const double affordable = flops / train_flops_per_token(config, context);
    const double tokens = std::min(affordable, corpus_lasts);
    const double optimal = tokens_per_parameter * scaling_parameters(config);
    // How far from compute-optimal, in octaves either way: loss is flat around it, so the nearest depth is the best.
    const double distance = std::abs(std::log2(std::max(tokens, 1.0) / optimal));
    if (choice.depth > 0 && distance >= nearest) break;  // tokens fall and parameters grow with depth: one minimum
    nearest = distance;
    choice.depth = depth;
    choice.token_budget = static_cast<std::int64_t>(tokens);
    choice.warning.reset();
    if (corpus_lasts < affordable) {
      choice.warning = "the corpus lasts for " + human_count(tokens) + " tokens (" + format_number(most_epochs, 2) +
                       " times through; repetition beyond gains little), less than the hours given: more text would "
                       "make a better model";
    } else if (tokens < optimal / 4) {
      choice.warning = "the time allows " + human_count(tokens) + " tokens where even depth " + std::to_string(depth) +
                       " wants " + human_count(optimal);
    }
  }
  choice.epochs = static_cast<double>(choice.token_budget) / static_cast<double>(std::max<std::int64_t>(corpus_tokens, 1));
  return choice;
}

}  // namespace hearth::nn
