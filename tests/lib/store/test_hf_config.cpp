// SPDX-License-Identifier: Apache-2.0
// The configs under tests/golden/hf are transformers' own (tests/golden/make/hf_models.py).
#include "lib/store/hf_config.h"

#include <functional>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "tests/support/catch.h"

using namespace hearth;
using store::config_from_hf;
using store::config_to_hf;

namespace {

Json golden_config(const std::string& name) {
  return read_json(std::string(HEARTH_SOURCE_DIR) + "/tests/golden/hf/" + name + "/config.json");
}

std::string message_of(const std::function<void()>& body, Kind kind) {
  try {
    body();
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.what();
  }
  return "nothing was thrown";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a config.json written by transformers becomes the model it describes") {
  const nn::ModelConfig tied = config_from_hf(golden_config("qwen3"), "x");
  CHECK(tied.tie_embeddings);
  CHECK(tied.vocab == 272);
  CHECK(tied.n_layers() == 3);
  CHECK(tied.block(0).attention == nn::Attention{4, 2, 16, true});
  CHECK(tied.block(2).feed_forward == nn::FeedForward{40, std::nullopt});
  CHECK(tied.blocks.size() == 1);

  const nn::ModelConfig windows = config_from_hf(golden_config("qwen3-window"), "x");
  CHECK(windows.block(0).mask == nn::Mask{nn::Mask::Kind::window, 5});
  CHECK(windows.block(1).mask == nn::Mask{});
  CHECK(windows.block(2) == windows.block(0));
  CHECK(windows.block(0).rope.theta == 1e6);

  const nn::ModelConfig softmax = config_from_hf(golden_config("qwen3_moe"), "x");
  CHECK(!softmax.block(1).feed_forward.moe);
  const nn::Moe& experts = softmax.block(2).feed_forward.moe.value();
  CHECK(experts == nn::Moe{6, 2, 12, 0, {nn::Router::Score::softmax, false, 1, 1, true, 1}});

  const nn::ModelConfig sigmoid = config_from_hf(golden_config("dots1"), "x");
  CHECK(!sigmoid.block(0).feed_forward.moe);
  CHECK(sigmoid.block(1).feed_forward.moe ==
        nn::Moe{6, 2, 12, 24, {nn::Router::Score::sigmoid, true, 1, 1, true, 2.5}});

  const nn::RopeScaling llama3 = config_from_hf(golden_config("llama"), "x").block(0).rope.scaling;
  CHECK(llama3.kind == nn::RopeScaling::Kind::llama3);
  CHECK(llama3.original_context == 16);
  const nn::ModelConfig yarn = config_from_hf(golden_config("mistral"), "x");
  CHECK(yarn.block(0).rope.scaling.kind == nn::RopeScaling::Kind::yarn);
  CHECK(yarn.block(0).mask == nn::Mask{nn::Mask::Kind::window, 6});
  CHECK(!yarn.block(0).attention.qk_norm);
}

TEST_CASE("what is written back has all of transformers' keys that shape the model, and both spellings of rope") {
  for (const char* name : {"qwen3", "qwen3-window", "qwen3_moe", "dots1", "llama", "mistral"}) {
    INFO(name);
    const Json theirs = golden_config(name);
    const Json ours = config_to_hf(config_from_hf(theirs, "x"), DType::f32, {{}, 256, {}});
    for (const auto& [key, value] : theirs.items()) {
      INFO(key);
      if (key == "transformers_version" || key == "max_window_layers" || key == "output_router_logits" ||
          key == "router_aux_loss_coef" || key == "rope_parameters" || key == "mlp_bias" || key == "pretraining_tp") {
        continue;
      }
      CHECK(ours.value(key, Json("left out")) == value);
    }
    for (const auto& [key, value] : theirs.at("rope_parameters").items())
      CHECK(ours.at("rope_parameters").at(key) == value);
    CHECK(ours.at("rope_theta") == theirs.at("rope_parameters").at("rope_theta"));
    CHECK(ours.at("torch_dtype") == "float32");
    const bool scaled = theirs.at("rope_parameters").at("rope_type") != "default";
    CHECK(ours.at("rope_scaling").is_null() == !scaled);
    if (scaled) CHECK(ours.at("rope_scaling").at("factor") == 4.0);
  }
}

TEST_CASE("configs of older transformers read the same") {
  Json json = golden_config("llama");
  const nn::ModelConfig now = config_from_hf(json, "x");
  Json scaling = json.at("rope_parameters");
  scaling.erase("rope_theta");
  json["rope_scaling"] = scaling;
  json["rope_theta"] = 10000.0;
  json.erase("rope_parameters");
  json["torch_dtype"] = "bfloat16";
  json.erase("head_dim");
  CHECK(config_from_hf(json, "x") == now);

  Json windows = golden_config("qwen3-window");  // before layer_types: the layers from max_window_layers on
  windows.erase("layer_types");
  windows["max_window_layers"] = 2;
  const nn::ModelConfig config = config_from_hf(windows, "x");
  CHECK(config.block(1).mask == nn::Mask{});
  CHECK(config.block(2).mask == nn::Mask{nn::Mask::Kind::window, 5});

  Json moe = golden_config("qwen3_moe");
  moe["num_experts"] = moe.at("num_local_experts");
  moe.erase("num_local_experts");
  moe.erase("mlp_only_layers");
  moe["decoder_sparse_step"] = 2;
  CHECK(!config_from_hf(moe, "x").block(0).feed_forward.moe);
  CHECK(config_from_hf(moe, "x").block(1).feed_forward.moe->experts == 6);

  Json mistral = golden_config("mistral");  // left out is not null: 4096 is the class's default
  mistral.erase("sliding_window");
  CHECK(config_from_hf(mistral, "x").block(0).mask.size == 4096);
  mistral["sliding_window"] = nullptr;
  CHECK(config_from_hf(mistral, "x").block(0).mask == nn::Mask{});
}

TEST_CASE("what hearth does not know of a model is refused by name") {
  struct Case {
    const char* model;
    const char* key;
    Json value;
    const char* part;
  };
  const std::vector<Case> cases = {
      {"qwen3", "model_type", "gpt2", "'model_type' is 'gpt2'; hearth opens llama, mistral, qwen3, qwen3_moe, dots1"},
      {"qwen3", "attention_bias", true, "'attention_bias' is true; hearth knows only false"},
      {"qwen3", "hidden_act", "gelu", "'hidden_act' is \"gelu\"; hearth knows only \"silu\""},
      {"qwen3", "attention_sink_size", 4, "'attention_sink_size' (4) is no key hearth knows of a qwen3 model"},
      {"qwen3", "quantization_config", Json{{"bits", 4}}, "the weights are quantised"},
      {"qwen3", "rope_parameters", Json{{"rope_type", "longrope"}, {"factor", 2.0}},
       "rope scaling 'longrope' is not known"},
      {"qwen3", "rope_parameters", Json{{"rope_type", "default"}, {"partial_rotary_factor", 0.5}},
       "'partial_rotary_factor' is 0.5"},
      {"qwen3", "rope_parameters", Json{{"rope_type", "yarn"}, {"factor", 2.0}, {"llama_4_scaling_beta", 0.1}},
       "'llama_4_scaling_beta' (0.1) is no key hearth knows of a yarn rope"},
      {"qwen3", "vocab_size", nullptr, "'vocab_size' has the wrong type"},
      {"qwen3", "num_hidden_layers", 0, "'num_hidden_layers' must lie between 1"},
      {"qwen3", "num_attention_heads", 0, "'num_attention_heads' must be at least 1"},
      {"qwen3-window", "layer_types", Json::array({"full_attention"}), "'layer_types' names 1 layers"},
      {"qwen3-window", "layer_types", Json::array({"full_attention", "chunked_attention", "full_attention"}),
       "'layer_types' has 'chunked_attention'"},
      {"qwen3-window", "use_sliding_window", false, "no 'sliding_window' is in force"},
      {"qwen3_moe", "num_experts", 7, "'num_experts' is 7"},
      {"dots1", "topk_method", "greedy", "'topk_method' is \"greedy\""},
      {"dots1", "n_shared_experts", nullptr, "'n_shared_experts' has the wrong type"},
      {"llama", "mlp_bias", true, "'mlp_bias' is true"},
  };
  for (const Case& item : cases) {
    Json json = golden_config(item.model);
    json[item.key] = item.value;
    const std::string message = message_of([&] { config_from_hf(json, "dist/config.json"); }, Kind::data);
    INFO(message);
    CHECK(contains(message, item.part));
    CHECK(message.starts_with("dist/config.json"));
  }
  Json off = golden_config("qwen3");  // a feature that is switched off may be unknown
  off["use_new_thing"] = false;
  off["other_thing"] = nullptr;
  CHECK_NOTHROW(config_from_hf(off, "x"));
  CHECK_THROWS_AS(config_from_hf(Json::array(), "x"), Error);
}

TEST_CASE("a shape that no family holds is refused with what stands in the way") {
  nn::ModelConfig config = config_from_hf(golden_config("dots1"), "x");
  for (auto& [name, block] : config.blocks) {
    if (block.feed_forward.moe) block.feed_forward.moe->shared_ffn = 0;
  }
  const std::string message = message_of([&] { config_to_hf(config, DType::f32, {}); }, Kind::config);
  INFO(message);
  CHECK(contains(message, "no Hugging Face family holds this model: dots1's shared_ffn"));
}
