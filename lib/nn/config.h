// SPDX-License-Identifier: Apache-2.0
// model.json in memory: what a model is, as data (DESIGN section 3). A list of layers, each naming a kind of block; a
// block is a choice from a few independent options. Everything else in lib/nn follows from this.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/json.h"

namespace hearth::nn {

// How a model trained at one context was stretched to a longer one. Kinds and keys are those of Hugging Face's
// rope_parameters; lib/nn/rope_table.h resolves them.
struct RopeScaling {
  enum class Kind { base, linear, llama3, yarn };
  Kind kind = Kind::base;
  double factor = 1;
  std::int64_t original_context = 0;                    // llama3, yarn
  double low_frequency = 1, high_frequency = 4;         // llama3
  double beta_fast = 32, beta_slow = 1;                 // yarn
  bool truncate = true;                                 // yarn: round the correction range to whole dimensions
  std::optional<double> attention_factor;               // yarn: the cos/sin multiplier; absent: from factor and mscale
  std::optional<double> mscale, mscale_all_dim;         // yarn
  bool operator==(const RopeScaling&) const = default;
};

struct Rope {
  double theta = 10000;
  std::int64_t dims = 0;  // leading elements of each head that turn (even); 0: no positions at all
  RopeScaling scaling;
  bool operator==(const Rope&) const = default;
};

// What a query sees; always causal, always within its own document.
struct Mask {
  enum class Kind { full, window, chunk };
  Kind kind = Kind::full;
  std::int64_t size = 0;  // window: keys seen, itself included; chunk: length of a chunk
  bool operator==(const Mask&) const = default;
};

// Grouped-query attention. (Latent attention, kind "mla", is reserved: model.json may not name it yet.)
struct Attention {
  std::int64_t heads = 1, kv_heads = 1, head_dim = 64;
  bool qk_norm = true;  // RMS norm with weight on each head of q and k, before rope
  bool operator==(const Attention&) const = default;
};

struct Router {
  enum class Score { softmax, sigmoid };
  Score score = Score::sigmoid;
  bool selection_bias = true;  // loss-free balancing: decides the choice, never the weight
  std::int64_t groups = 1, groups_kept = 1;
  bool renormalise = true;
  double scale = 1;
  bool operator==(const Router&) const = default;
};

struct Moe {
  std::int64_t experts = 0, k = 0;
  std::int64_t ffn = 0;         // of one expert
  std::int64_t shared_ffn = 0;  // of the expert every token passes; 0: none
  Router router;
  bool operator==(const Moe&) const = default;
};

// SwiGLU, dense or as a mixture of experts.
struct FeedForward {
  std::int64_t ffn = 0;    // dense; 0 in a mixture
  std::optional<Moe> moe;  // a mixture
  bool operator==(const FeedForward&) const = default;
};

// stream += attention(rmsnorm(stream)); stream += feed_forward(rmsnorm(stream))
struct Block {
  Attention attention;
  Rope rope;
  Mask mask;
  FeedForward feed_forward;
  bool operator==(const Block&) const = default;
};

// Standard deviations at the start of training.
struct Init {
  double embedding = 0.02;
  double head = 0.02;          // of an untied head
  double matrix_gain = 0.5;    // a matrix has matrix_gain / sqrt(its inputs)
  double output_gain = 0;      // the same for what writes into the residual stream; 0: each block starts as identity
  bool operator==(const Init&) const = default;
};

struct ModelConfig {
  std::int64_t vocab = 0, hidden = 0;
  std::int64_t context = 0;  // longest sequence it is meant for
  double epsilon = 1e-6;     // of every norm
  bool tie_embeddings = false;
  Init init;
  std::vector<std::pair<std::string, Block>> blocks;  // kinds, by name
  std::vector<std::size_t> layers;                    // index into blocks, first layer first

  std::int64_t n_layers() const { return static_cast<std::int64_t>(layers.size()); }
  const Block& block(std::int64_t layer) const { return blocks[layers[static_cast<std::size_t>(layer)]].second; }
  bool has_moe() const;
  bool operator==(const ModelConfig&) const = default;
};

// Reads model.json's text. Throws Error{config} "WHERE: ..." for an unknown key (naming the nearest known one), a value
// of the wrong type, an unknown kind ("mla" by name), and for whatever check_config refuses.
ModelConfig parse_config(const Json& json, std::string_view where);
ModelConfig read_config(const std::filesystem::path& path);
Json to_json(const ModelConfig& config);

// Throws Error{config} for an impossible shape, naming block, key, values and what would do.
void check_config(const ModelConfig& config);

struct ParameterCount {
  std::int64_t total = 0;
  std::int64_t active = 0;     // that a token meets: k experts of a mixture, one row of the embedding not counted
  std::int64_t embedding = 0;  // of total: the input table
};
ParameterCount count_parameters(const ModelConfig& config);

// Mean over the queries of a full context of the keys each sees.
double mean_keys(const Mask& mask, std::int64_t context);

// Floating-point operations per token of training, forward and backward: 6 for each weight a token is multiplied with
// (all matrices it meets, head included, input table not), and 12 * heads * head_dim * keys for attention (two
// products forward, four backward, two operations each), where keys is the mean number of keys a query of a full
// context sees under its mask: context / 2 for a full one. Recomputation is not counted.
double train_flops_per_token(const ModelConfig& config, std::int64_t context);

}  // namespace hearth::nn
