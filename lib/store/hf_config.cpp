// SPDX-License-Identifier: Apache-2.0
// From a Hugging Face config.json to model.json.
#include "lib/store/hf_config.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "lib/base/json_value.h"
#include "lib/base/text.h"

namespace hearth::store {
namespace {

constexpr HfFamily families[] = {
    {"llama", "LlamaForCausalLM"},
    {"mistral", "MistralForCausalLM", false, HfWindow::all_layers, HfMixture::none, false, 0, 4096},
    {"qwen3", "Qwen3ForCausalLM", true, HfWindow::by_layer, HfMixture::none, true, 128, 4096},
    {"qwen3_moe", "Qwen3MoeForCausalLM", true, HfWindow::none, HfMixture::softmax, true},
    {"dots1", "Dots1ForCausalLM", true, HfWindow::by_layer, HfMixture::sigmoid, false, 0, 4096},
};

// Keys that say nothing of what the model computes: its origin, its training, how it is used by default.
constexpr std::string_view unused_keys[] = {"_name_or_path",        "architectures",
                                            "attention_dropout",    "auto_map",
                                            "bos_token_id",         "dtype",
                                            "eos_token_id",         "id2label",
                                            "initializer_range",    "label2id",
                                            "output_router_logits", "pad_token_id",
                                            "return_dict",          "router_aux_loss_coef",
                                            "tokenizer_class",      "torch_dtype",
                                            "transformers_version", "use_cache"};

constexpr std::int64_t most_layers = 10000;

// Reads keys of config.json and remembers which, so that what is left over can be refused.
class Keys {
 public:
  Keys(const Json& json, std::string_view where) : json_(json), where_(where) {
    if (!json.is_object()) throw Error(Kind::data, where_ + ": is not a JSON object");
    seen_.insert(std::begin(unused_keys), std::end(unused_keys));
  }

  template <class T>
  T need(const char* key) {
    seen_.insert(key);
    return json_get<T>(json_, key, where_);
  }
  template <class T>
  T get(const char* key, T fallback) {
    seen_.insert(key);
    return json_get_or<T>(json_, key, where_, fallback);
  }
  bool has(const char* key) {
    seen_.insert(key);
    return json_.contains(key) && !json_.at(key).is_null();
  }
  bool leaves_out(const char* key) const { return !json_.contains(key); }

  // A key that must have one of these values where it is there at all.
  void expect(const char* key, const std::vector<Json>& allowed) {
    if (!has(key) || std::find(allowed.begin(), allowed.end(), json_.at(key)) != allowed.end()) return;
    throw Error(Kind::data, where_ + ": '" + key + "' is " + dump_json(json_.at(key)).substr(0, 60) +
                                "; hearth knows only " + dump_json(allowed.front()));
  }

  void refuse_rest(std::string_view family) const {
    for (const auto& [key, value] : json_.items()) {
      if (seen_.count(key) > 0 || value.is_null() || value == Json(false)) continue;
      throw Error(Kind::data, where_ + ": '" + key + "' (" + dump_json(value).substr(0, 60) +
                                  ") is no key hearth knows of a " + std::string(family) +
                                  " model: it may change what the model computes, so the model is not "
                                  "opened; remove the key if it does not");
    }
  }

  [[noreturn]] void fail(const std::string& message) const { throw Error(Kind::data, where_ + ": " + message); }
  const std::string& where() const { return where_; }

 private:
  const Json& json_;
  std::string where_;
  std::set<std::string, std::less<>> seen_;
};

const HfFamily& family_named(const std::string& model_type, const Keys& keys) {
  std::vector<std::string> known;
  for (const HfFamily& family : families) {
    if (family.model_type == model_type) return family;
    known.emplace_back(family.model_type);
  }
  keys.fail("'model_type' is '" + model_type + "'; hearth opens " + join(known, ", "));
}

nn::RopeScaling read_scaling(const Json& json, std::int64_t context, const std::string& where) {
  Keys keys(json, where);
  nn::RopeScaling scaling;
  const auto type = keys.get<std::string>("rope_type", keys.get<std::string>("type", "default"));
  keys.get<double>("rope_theta", 0);
  keys.expect("partial_rotary_factor", {1.0});
  if (type == "default") {
    // Other keys may stand there, unused by every reader.
    return scaling;
  }
  scaling.factor = keys.need<double>("factor");
  if (type == "linear") {
    scaling.kind = nn::RopeScaling::Kind::linear;
  } else if (type == "llama3") {
    scaling.kind = nn::RopeScaling::Kind::llama3;
    scaling.original_context = keys.get<std::int64_t>("original_max_position_embeddings", context);
    scaling.low_frequency = keys.need<double>("low_freq_factor");
    scaling.high_frequency = keys.need<double>("high_freq_factor");
  } else if (type == "yarn") {
    scaling.kind = nn::RopeScaling::Kind::yarn;
    scaling.original_context = keys.get<std::int64_t>("original_max_position_embeddings", context);
    scaling.beta_fast = keys.get<double>("beta_fast", 32);
    scaling.beta_slow = keys.get<double>("beta_slow", 1);
    scaling.truncate = keys.get<bool>("truncate", true);
    if (keys.has("attention_factor")) scaling.attention_factor = keys.need<double>("attention_factor");
    if (keys.has("mscale")) scaling.mscale = keys.need<double>("mscale");
    if (keys.has("mscale_all_dim")) scaling.mscale_all_dim = keys.need<double>("mscale_all_dim");
  } else {
    keys.fail("rope scaling '" + type + "' is not known; hearth knows default, linear, llama3, yarn");
  }
  keys.refuse_rest(type + " rope");
  return scaling;
}

// transformers 5 writes rope_parameters, older versions rope_theta and rope_scaling; where both stand, rope_scaling
// wins in transformers too.
nn::Rope read_rope(Keys& keys, std::int64_t head_dim, std::int64_t context) {
  nn::Rope rope;
  rope.dims = head_dim;
  rope.theta = keys.get<double>("rope_theta", 10000);
  keys.expect("partial_rotary_factor", {1.0});
  const Json parameters = keys.get<Json>("rope_parameters", Json::object());
  const Json scaling = keys.get<Json>("rope_scaling", Json::object());
  const Json& chosen = scaling.empty() ? parameters : scaling;
  rope.theta = json_get_or<double>(chosen, "rope_theta", keys.where(), rope.theta);
  rope.scaling = read_scaling(chosen, context, keys.where() + ": rope");
  return rope;
}

std::int64_t read_window(Keys& keys, const HfFamily& family) {
  const bool on = !family.window_switch || keys.get<bool>("use_sliding_window", false);
  const std::int64_t fallback = keys.leaves_out("sliding_window") ? family.default_window : 0;
  const auto window = keys.get<std::int64_t>("sliding_window", fallback);
  if (family.window == HfWindow::none && on && window > 0) {
    keys.fail("a sliding window in every layer of a " + std::string(family.model_type) + " model is not known here");
  }
  return on && family.window != HfWindow::none ? window : 0;
}

std::vector<nn::Mask> read_masks(Keys& keys, const HfFamily& family, std::int64_t n_layers) {
  const std::int64_t window = read_window(keys, family);
  const nn::Mask windowed{nn::Mask::Kind::window, window};
  const auto first = keys.get<std::int64_t>("max_window_layers", n_layers);
  std::vector<nn::Mask> masks(static_cast<std::size_t>(n_layers));
  if (window > 0 && family.window == HfWindow::all_layers) masks.assign(masks.size(), windowed);
  if (family.window != HfWindow::by_layer) {
    keys.expect("layer_types", {Json(std::vector<std::string>(masks.size(), "full_attention"))});
    return masks;
  }
  const auto types = keys.get<std::vector<std::string>>("layer_types", {});
  if (!types.empty() && types.size() != masks.size()) {
    keys.fail("'layer_types' names " + std::to_string(types.size()) + " layers, 'num_hidden_layers' is " +
              std::to_string(n_layers));
  }
  for (std::size_t layer = 0; layer < masks.size(); ++layer) {
    const bool late = window > 0 && static_cast<std::int64_t>(layer) >= first;
    const std::string type = !types.empty() ? types[layer] : late ? "sliding_attention" : "full_attention";
    if (type == "full_attention") continue;
    if (type != "sliding_attention")
      keys.fail("'layer_types' has '" + type + "'; hearth knows full_attention and sliding_attention");
    if (window <= 0) keys.fail("'layer_types' has sliding_attention, but no 'sliding_window' is in force");
    masks[layer] = windowed;
  }
  return masks;
}

nn::Moe read_moe(Keys& keys, HfMixture mixture) {
  nn::Moe moe;
  moe.k = keys.need<std::int64_t>("num_experts_per_tok");
  moe.ffn = keys.need<std::int64_t>("moe_intermediate_size");
  moe.router.renormalise = keys.get<bool>("norm_topk_prob", false);
  if (mixture == HfMixture::softmax) {
    const char* key = keys.has("num_local_experts") ? "num_local_experts" : "num_experts";
    moe.experts = keys.need<std::int64_t>(key);
    keys.expect(key[4] == 'l' ? "num_experts" : "num_local_experts", {moe.experts});
    moe.router.score = nn::Router::Score::softmax;
    moe.router.selection_bias = false;
    return moe;
  }
  moe.experts = keys.need<std::int64_t>("n_routed_experts");
  keys.expect("num_local_experts", {moe.experts});
  moe.shared_ffn = keys.need<std::int64_t>("n_shared_experts") * moe.ffn;
  moe.router.groups = keys.get<std::int64_t>("n_group", 1);
  moe.router.groups_kept = keys.get<std::int64_t>("topk_group", 1);
  moe.router.scale = keys.get<double>("routed_scaling_factor", 1);
  keys.expect("scoring_func", {"sigmoid", "noaux_tc"});
  keys.expect("topk_method", {"noaux_tc"});
  keys.expect("moe_layer_freq", {1});
  return moe;
}

std::vector<bool> read_dense_layers(Keys& keys, HfMixture mixture, std::int64_t n_layers) {
  std::vector<bool> dense(static_cast<std::size_t>(n_layers), mixture == HfMixture::none);
  if (mixture == HfMixture::sigmoid) {
    const auto first = std::clamp<std::int64_t>(keys.get<std::int64_t>("first_k_dense_replace", 0), 0, n_layers);
    std::fill_n(dense.begin(), first, true);
  }
  if (mixture == HfMixture::softmax) {
    const auto step = keys.get<std::int64_t>("decoder_sparse_step", 1);
    if (step < 1) keys.fail("'decoder_sparse_step' must be at least 1");
    const auto only = keys.get<std::vector<std::int64_t>>("mlp_only_layers", {});
    for (std::int64_t layer = 0; layer < n_layers; ++layer) {
      const bool listed = std::find(only.begin(), only.end(), layer) != only.end();
      dense[static_cast<std::size_t>(layer)] = listed || (layer + 1) % step != 0;
    }
  }
  return dense;
}

nn::Attention read_attention(Keys& keys, const HfFamily& family, std::int64_t hidden) {
  nn::Attention attention;
  attention.heads = keys.need<std::int64_t>("num_attention_heads");
  if (attention.heads < 1) keys.fail("'num_attention_heads' must be at least 1");
  attention.kv_heads = keys.get<std::int64_t>("num_key_value_heads", attention.heads);
  const std::int64_t derived = family.default_head_dim > 0 ? family.default_head_dim : hidden / attention.heads;
  attention.head_dim = keys.get<std::int64_t>("head_dim", derived);
  attention.qk_norm = family.qk_norm;
  return attention;
}

// The layer's block, added to the kinds of blocks unless it is one of them.
std::size_t block_index(nn::ModelConfig& model, const nn::Block& block) {
  for (std::size_t i = 0; i < model.blocks.size(); ++i) {
    if (model.blocks[i].second == block) return i;
  }
  const std::string mask = block.mask.kind == nn::Mask::Kind::full ? "full" : "window";
  model.blocks.emplace_back(mask + (block.feed_forward.moe ? "-moe" : ""), block);
  return model.blocks.size() - 1;
}

}  // namespace

std::span<const HfFamily> hf_families() {
  return families;
}

nn::ModelConfig config_from_hf(const Json& json, std::string_view where) {
  Keys keys(json, where);
  if (keys.has("quantization_config")) keys.fail("the weights are quantised; hearth opens f32 and bf16 ones only");
  const HfFamily& family = family_named(keys.need<std::string>("model_type"), keys);
  nn::ModelConfig model;
  model.vocab = keys.need<std::int64_t>("vocab_size");
  model.hidden = keys.need<std::int64_t>("hidden_size");
  model.context = keys.need<std::int64_t>("max_position_embeddings");
  model.epsilon = keys.get<double>("rms_norm_eps", 1e-6);
  model.tie_embeddings = keys.get<bool>("tie_word_embeddings", false);
  const auto n_layers = keys.need<std::int64_t>("num_hidden_layers");
  if (n_layers < 1 || n_layers > most_layers)
    keys.fail("'num_hidden_layers' must lie between 1 and " + std::to_string(most_layers));
  keys.expect("hidden_act", {"silu", "swish"});
  keys.expect("attention_bias", {false});
  keys.expect("mlp_bias", {false});
  keys.expect("pretraining_tp", {1});

  nn::Block block;
  block.attention = read_attention(keys, family, model.hidden);
  block.rope = read_rope(keys, block.attention.head_dim, model.context);
  const std::vector<nn::Mask> masks = read_masks(keys, family, n_layers);
  const std::vector<bool> dense = read_dense_layers(keys, family.mixture, n_layers);
  const auto dense_ffn = keys.need<std::int64_t>("intermediate_size");
  std::optional<nn::Moe> moe;
  if (family.mixture != HfMixture::none) moe = read_moe(keys, family.mixture);
  keys.refuse_rest(family.model_type);

  for (std::size_t layer = 0; layer < masks.size(); ++layer) {
    block.mask = masks[layer];
    block.feed_forward = dense[layer] ? nn::FeedForward{dense_ffn, std::nullopt} : nn::FeedForward{0, moe};
    model.layers.push_back(block_index(model, block));
  }
  with_context(where, [&] { nn::check_config(model); });
  return model;
}

}  // namespace hearth::store
