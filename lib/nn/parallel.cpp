// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/parallel.h"

#include <string>

namespace hearth::nn {
namespace {

void require_divides(const char* option, int ranks, const std::string& block, const char* what, std::int64_t n) {
  if (n % ranks == 0) return;
  throw Error(Kind::config, std::string(option) + " " + std::to_string(ranks) + " does not divide the " +
                                std::to_string(n) + " " + what + " of block '" + block +
                                "': take a divisor of them, or another shape of model");
}

}  // namespace

void check_parallel(const ModelConfig& config, const comm::MeshShape& shape) {
  for (const auto& [name, block] : config.blocks) {
    require_divides("--tp", shape.tensor, name, "heads", block.attention.heads);
    require_divides("--tp", shape.tensor, name, "heads for keys and values", block.attention.kv_heads);
    if (!block.feed_forward.moe) {
      require_divides("--tp", shape.tensor, name, "columns of the feed-forward layer", block.feed_forward.ffn);
      continue;
    }
    const Moe& moe = *block.feed_forward.moe;
    require_divides("--tp", shape.tensor, name, "columns of an expert", moe.ffn);
    require_divides("--tp", shape.tensor, name, "columns of the shared expert", moe.shared_ffn);
    require_divides("--ep", shape.expert, name, "experts", moe.experts);
  }
  if (shape.expert > 1 && !config.has_moe()) {
    throw Error(Kind::config, "--ep " + std::to_string(shape.expert) + ": the model has no experts to spread");
  }
  if (shape.tensor > config.vocab) {
    throw Error(Kind::config, "--tp " + std::to_string(shape.tensor) + " is more than the vocabulary of " +
                                  std::to_string(config.vocab));
  }
  if (shape.pipeline > config.n_layers()) {
    throw Error(Kind::config, "--pp " + std::to_string(shape.pipeline) + " is more stages than the " +
                                  std::to_string(config.n_layers()) + " layers of the model");
  }
  if (shape.pipeline > 1 && config.tie_embeddings) {
    throw Error(Kind::config, "--pp " + std::to_string(shape.pipeline) +
                                  ": the model's embedding is its head too (tie_embeddings), which the first and the "
                                  "last stage cannot share");
  }
}

// Of n context ranks each sends, a token and head, forward and backward: by exchange (n - 1) / n of q, k, v, o and of
// their gradients; in a ring three quarters of (n - 1) times k and v (a rank behind another needs one of its two
// chunks), those twice, and once their gradients.
bool goes_round(const ModelConfig& config, const Parallel& parallel) {
  const std::int64_t n = parallel.shape.context, ranks = n * parallel.shape.tensor;
  if (n == 1) return false;
  double exchanged = 0, round = 0;
  bool divides = true;
  for (std::int64_t layer = 0; layer < config.n_layers(); ++layer) {
    const Attention& a = config.block(layer).attention;
    divides = divides && a.heads % ranks == 0 && a.kv_heads % ranks == 0;
    exchanged += 4 * static_cast<double>(a.heads + a.kv_heads) / static_cast<double>(n);
    round += 0.75 * 3 * 2 * static_cast<double>(a.kv_heads);
  }
  if (parallel.context_by == ContextBy::heads) HEARTH_CHECK(divides, "heads that do not divide are exchanged");
  if (parallel.context_by != ContextBy::either) return parallel.context_by == ContextBy::ring;
  return !divides || round < exchanged;
}

}  // namespace hearth::nn
