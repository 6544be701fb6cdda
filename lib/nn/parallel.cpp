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
// chunks), those twice, and once their gradients. n - 1 stands in both, and is left out.
void ContextTraffic::add(std::int64_t heads, std::int64_t kv_heads, int context, int tensor) {
  const std::int64_t ranks = static_cast<std::int64_t>(context) * tensor;
  heads_divide = heads_divide && heads % ranks == 0 && kv_heads % ranks == 0;
  exchanged += 4 * static_cast<double>(heads + kv_heads) / context;
  ring += 0.75 * 3 * 2 * static_cast<double>(kv_heads);
}

bool goes_round(const ModelConfig& config, const Parallel& parallel) {
  if (!parallel.cuts_context()) return false;
  ContextTraffic traffic;
  for (std::int64_t layer = 0; layer < config.n_layers(); ++layer) {
    const Attention& a = config.block(layer).attention;
    traffic.add(a.heads, a.kv_heads, parallel.shape.context, parallel.shape.tensor);
  }
  if (parallel.context_by == ContextBy::heads)
    HEARTH_CHECK(traffic.heads_divide, "heads that do not divide are exchanged");
  if (parallel.context_by != ContextBy::either) return parallel.context_by == ContextBy::ring;
  return traffic.goes_round();
}

}  // namespace hearth::nn
