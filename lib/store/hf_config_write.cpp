// SPDX-License-Identifier: Apache-2.0
// From model.json to a Hugging Face config.json.
#include <algorithm>
#include <string>
#include <vector>

#include "lib/base/json_value.h"
#include "lib/nn/family.h"
#include "lib/store/hf_config.h"

namespace hearth::store {
namespace {

const HfFamily& row_of(std::string_view model_type) {
  for (const HfFamily& family : hf_families()) {
    if (family.model_type == model_type) return family;
  }
  throw Error(Kind::internal, "no row for the family " + std::string(model_type));
}

const HfFamily& family_for(const nn::ModelConfig& config) {
  const nn::Family family = nn::family_of(config);
  if (family.name.empty()) {
    throw Error(Kind::config, "no Hugging Face family holds this model: " + family.why_not +
                                  " (what pretrain --depth makes always fits one)");
  }
  // transformers wants a Llama's width to be a multiple of its heads; Mistral's architecture is the same without that.
  const nn::Attention& attention = config.block(0).attention;
  if (family.name == "llama" && config.hidden % attention.heads != 0) return row_of("mistral");
  return row_of(family.name);
}

Json scaling_json(const nn::RopeScaling& scaling) {
  Json json;
  switch (scaling.kind) {
    case nn::RopeScaling::Kind::base:
      return {{"rope_type", "default"}};
    case nn::RopeScaling::Kind::linear:
      return {{"rope_type", "linear"}, {"factor", scaling.factor}};
    case nn::RopeScaling::Kind::llama3:
      return {{"rope_type", "llama3"},
              {"factor", scaling.factor},
              {"low_freq_factor", scaling.low_frequency},
              {"high_freq_factor", scaling.high_frequency},
              {"original_max_position_embeddings", scaling.original_context}};
    case nn::RopeScaling::Kind::yarn:
      json = {{"rope_type", "yarn"},
              {"factor", scaling.factor},
              {"original_max_position_embeddings", scaling.original_context},
              {"beta_fast", scaling.beta_fast},
              {"beta_slow", scaling.beta_slow},
              {"truncate", scaling.truncate}};
  }
  if (scaling.attention_factor) json["attention_factor"] = *scaling.attention_factor;
  if (scaling.mscale) json["mscale"] = *scaling.mscale;
  if (scaling.mscale_all_dim) json["mscale_all_dim"] = *scaling.mscale_all_dim;
  return json;
}

void write_rope(Json& json, const nn::Rope& rope) {
  Json parameters = scaling_json(rope.scaling);
  json["rope_theta"] = rope.theta;
  json["rope_scaling"] = rope.scaling.kind == nn::RopeScaling::Kind::base ? Json(nullptr) : parameters;
  parameters["rope_theta"] = rope.theta;
  json["rope_parameters"] = std::move(parameters);
}

std::int64_t window_of(const nn::ModelConfig& config) {
  std::int64_t window = 0;
  for (const auto& [name, block] : config.blocks) {
    if (block.mask.kind == nn::Mask::Kind::window) window = block.mask.size;
  }
  return window;
}

void write_masks(Json& json, const nn::ModelConfig& config, const HfFamily& family) {
  const std::int64_t window = window_of(config);
  if (family.window_switch) json["use_sliding_window"] = window > 0;
  if (family.window != HfWindow::none || family.window_switch)
    json["sliding_window"] = window > 0 ? Json(window) : Json(nullptr);
  if (family.window != HfWindow::by_layer) return;
  std::vector<std::string> types;
  for (std::int64_t layer = 0; layer < config.n_layers(); ++layer) {
    const bool windowed = config.block(layer).mask.kind == nn::Mask::Kind::window;
    types.emplace_back(windowed ? "sliding_attention" : "full_attention");
  }
  json["max_window_layers"] = config.n_layers();
  json["layer_types"] = types;
}

// The mixture's keys; the width of dense layers stands in intermediate_size, which readers want even where none is.
void write_feed_forward(Json& json, const nn::ModelConfig& config, const HfFamily& family) {
  std::int64_t dense_ffn = 0, n_first_dense = 0;
  std::vector<std::int64_t> dense_layers;
  const nn::Moe* moe = nullptr;
  for (std::int64_t layer = 0; layer < config.n_layers(); ++layer) {
    const nn::FeedForward& feed_forward = config.block(layer).feed_forward;
    if (feed_forward.moe) {
      moe = &*feed_forward.moe;
      continue;
    }
    dense_ffn = feed_forward.ffn;
    dense_layers.push_back(layer);
    if (n_first_dense == layer) ++n_first_dense;
  }
  json["intermediate_size"] = dense_ffn > 0 ? dense_ffn : moe->k * moe->ffn;
  if (family.mixture == HfMixture::none) return;
  json["moe_intermediate_size"] = moe->ffn;
  json["num_experts_per_tok"] = moe->k;
  json["norm_topk_prob"] = moe->router.renormalise;
  if (family.mixture == HfMixture::softmax) {
    json["num_experts"] = moe->experts;  // transformers 4
    json["num_local_experts"] = moe->experts;
    json["decoder_sparse_step"] = 1;
    json["mlp_only_layers"] = dense_layers;
  } else {
    json["n_routed_experts"] = moe->experts;
    json["n_shared_experts"] = moe->shared_ffn / moe->ffn;
    json["first_k_dense_replace"] = n_first_dense;
    json["n_group"] = moe->router.groups;
    json["topk_group"] = moe->router.groups_kept;
    json["routed_scaling_factor"] = moe->router.scale;
  }
}

Json optional_id(const std::optional<std::uint32_t>& id) {
  return id ? Json(*id) : Json(nullptr);
}

// What stands in the files must say all of the model: the config read back is the same but for the names of blocks and
// the scales at the start of training, which no family has a place for.
void require_same(const nn::ModelConfig& config, const nn::ModelConfig& again, std::string_view model_type) {
  bool same = config.vocab == again.vocab && config.hidden == again.hidden && config.context == again.context &&
              config.epsilon == again.epsilon && config.tie_embeddings == again.tie_embeddings &&
              config.n_layers() == again.n_layers();
  for (std::int64_t layer = 0; same && layer < config.n_layers(); ++layer)
    same = config.block(layer) == again.block(layer);
  if (same) return;
  throw Error(Kind::config,
              "the family " + std::string(model_type) +
                  " does not hold this model: its config.json would describe another one (layers that differ in "
                  "more than mask and mixture, or a shared expert that is no multiple of the experts)");
}

}  // namespace

Json config_to_hf(const nn::ModelConfig& config, DType dtype, const HfTokenIds& ids) {
  const HfFamily& family = family_for(config);
  const nn::Block& block = config.block(0);
  const char* dtype_name = dtype == DType::bf16 ? "bfloat16" : "float32";
  Json json{{"architectures", Json::array({family.architecture})},
            {"model_type", family.model_type},
            {"vocab_size", config.vocab},
            {"hidden_size", config.hidden},
            {"num_hidden_layers", config.n_layers()},
            {"num_attention_heads", block.attention.heads},
            {"num_key_value_heads", block.attention.kv_heads},
            {"head_dim", block.attention.head_dim},
            {"hidden_act", "silu"},
            {"max_position_embeddings", config.context},
            {"rms_norm_eps", config.epsilon},
            {"attention_bias", false},
            {"attention_dropout", 0.0},
            {"tie_word_embeddings", config.tie_embeddings},
            {"initializer_range", config.init.embedding},
            {"use_cache", true},
            {"bos_token_id", optional_id(ids.bos)},
            {"eos_token_id", optional_id(ids.eos)},
            {"pad_token_id", optional_id(ids.pad)},
            {"dtype", dtype_name},
            {"torch_dtype", dtype_name}};
  write_rope(json, block.rope);
  write_masks(json, config, family);
  write_feed_forward(json, config, family);
  require_same(config, config_from_hf(json, "config.json as written"), family.model_type);
  return json;
}

}  // namespace hearth::store
