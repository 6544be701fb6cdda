// SPDX-License-Identifier: Apache-2.0
// model.json: text to ModelConfig and back. lib/nn/README.md shows a whole file.
#include <algorithm>
#include <array>
#include <type_traits>

#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/nn/config.h"

namespace hearth::nn {
namespace {
constexpr const char* schema = "hearth.model/1";

// A JSON object while it is read: every key must be asked for, and what was not is an error.
class Reader {
 public:
  Reader(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) throw Error(Kind::config, where_ + ": an object is expected here");
  }
  template <class T>
  T get(const char* key) {
    known_.emplace_back(key);
    if (std::is_integral_v<T> && json_.contains(key) && json_.at(key).is_number_float()) {
      throw Error(Kind::config, where_ + ": '" + key + "' is " + dump_json(json_.at(key)) + ", not a whole number");
    }
    return as_config([&] { return json_get<T>(json_, key, where_); });
  }
  template <class T>
  T get_or(const char* key, T fallback) {
    return has(key) ? get<T>(key) : fallback;
  }
  template <class T>
  std::optional<T> find(const char* key) {
    return has(key) ? std::optional<T>(get<T>(key)) : std::nullopt;
  }
  bool has(const char* key) {
    known_.emplace_back(key);
    return json_.contains(key) && !json_.at(key).is_null();
  }
  Reader object(const char* key) {
    known_.emplace_back(key);
    if (!json_.contains(key)) throw Error(Kind::config, where_ + ": '" + key + "' is missing");
    return {json_.at(key), where_ + ": " + key};
  }
  // The value of key among names, as its index.
  template <std::size_t n>
  std::size_t choice(const char* key, const std::array<std::string_view, n>& names, std::string_view fallback) {
    const auto value = get_or<std::string>(key, std::string(fallback));
    const auto found = std::find(names.begin(), names.end(), value);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    std::string list;
    for (const auto name : names) list += (list.empty() ? "" : ", ") + std::string(name);
    throw Error(Kind::config, where_ + ": '" + key + "' is '" + value + "', not one of: " + list);
  }
  // Throws for the first key that nobody asked for.
  void finish() const {
    for (const auto& [key, value] : json_.items()) {
      if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
      const auto nearest = nearest_word(key, known_);
      throw Error(Kind::config,
                  where_ + ": unknown key '" + key + "'" + (nearest ? "; did you mean '" + *nearest + "'?" : ""));
    }
  }
  const std::string& where() const { return where_; }

 private:
  template <class Body>
  static auto as_config(Body body) {
    try {
      return body();
    } catch (const Error& error) {
      throw Error(Kind::config, error.what());
    }
  }

  const Json& json_;
  std::string where_;
  std::vector<std::string> known_;
};

constexpr std::array<std::string_view, 4> scaling_names = {"base", "linear", "llama3", "yarn"};
constexpr std::array<std::string_view, 3> mask_names = {"full", "window", "chunk"};
constexpr std::array<std::string_view, 2> score_names = {"softmax", "sigmoid"};

RopeScaling parse_scaling(Reader reader) {
  RopeScaling scaling;
  scaling.kind = static_cast<RopeScaling::Kind>(reader.choice("kind", scaling_names, "base"));
  if (scaling.kind != RopeScaling::Kind::base) scaling.factor = reader.get<double>("factor");
  if (scaling.kind == RopeScaling::Kind::llama3 || scaling.kind == RopeScaling::Kind::yarn) {
    scaling.original_context = reader.get<std::int64_t>("original_context");
  }
  if (scaling.kind == RopeScaling::Kind::llama3) {
    scaling.low_frequency = reader.get_or("low_frequency", scaling.low_frequency);
    scaling.high_frequency = reader.get_or("high_frequency", scaling.high_frequency);
  }
  if (scaling.kind == RopeScaling::Kind::yarn) {
    scaling.beta_fast = reader.get_or("beta_fast", scaling.beta_fast);
    scaling.beta_slow = reader.get_or("beta_slow", scaling.beta_slow);
    scaling.truncate = reader.get_or("truncate", scaling.truncate);
    scaling.attention_factor = reader.find<double>("attention_factor");
    scaling.mscale = reader.find<double>("mscale");
    scaling.mscale_all_dim = reader.find<double>("mscale_all_dim");
  }
  reader.finish();
  return scaling;
}

Json scaling_json(const RopeScaling& scaling) {
  Json json;
  json["kind"] = scaling_names[static_cast<std::size_t>(scaling.kind)];
  if (scaling.kind != RopeScaling::Kind::base) json["factor"] = scaling.factor;
  if (scaling.kind == RopeScaling::Kind::llama3 || scaling.kind == RopeScaling::Kind::yarn) {
    json["original_context"] = scaling.original_context;
  }
  if (scaling.kind == RopeScaling::Kind::llama3) {
    json["low_frequency"] = scaling.low_frequency;
    json["high_frequency"] = scaling.high_frequency;
  }
  if (scaling.kind == RopeScaling::Kind::yarn) {
    json["beta_fast"] = scaling.beta_fast;
    json["beta_slow"] = scaling.beta_slow;
    json["truncate"] = scaling.truncate;
    if (scaling.attention_factor) json["attention_factor"] = *scaling.attention_factor;
    if (scaling.mscale) json["mscale"] = *scaling.mscale;
    if (scaling.mscale_all_dim) json["mscale_all_dim"] = *scaling.mscale_all_dim;
  }
  return json;
}

Attention parse_mixer(Reader reader) {
  const auto kind = reader.get<std::string>("kind");
  if (kind == "mla") {
    throw Error(Kind::config, reader.where() + ": 'kind' is 'mla': latent attention is not built yet; use 'gqa'");
  }
  if (kind != "gqa") throw Error(Kind::config, reader.where() + ": 'kind' is '" + kind + "', not one of: gqa");
  Attention attention;
  attention.heads = reader.get<std::int64_t>("heads");
  attention.kv_heads = reader.get_or("kv_heads", attention.heads);
  attention.head_dim = reader.get<std::int64_t>("head_dim");
  attention.qk_norm = reader.get_or("qk_norm", true);
  reader.finish();
  return attention;
}

Rope parse_rope(Reader reader) {
  Rope rope;
  rope.theta = reader.get_or("theta", rope.theta);
  rope.dims = reader.get<std::int64_t>("dims");
  if (reader.has("scaling")) rope.scaling = parse_scaling(reader.object("scaling"));
  reader.finish();
  return rope;
}

Mask parse_mask(Reader reader) {
  Mask mask;
  mask.kind = static_cast<Mask::Kind>(reader.choice("kind", mask_names, "full"));
  if (mask.kind != Mask::Kind::full) mask.size = reader.get<std::int64_t>("size");
  reader.finish();
  return mask;
}

Router parse_router(Reader reader) {
  Router router;
  router.score = static_cast<Router::Score>(reader.choice("score", score_names, "sigmoid"));
  router.selection_bias = reader.get_or("selection_bias", router.score == Router::Score::sigmoid);
  router.groups = reader.get_or("groups", router.groups);
  router.groups_kept = reader.get_or("groups_kept", router.groups_kept);
  router.renormalise = reader.get_or("renormalise", router.renormalise);
  router.scale = reader.get_or("scale", router.scale);
  reader.finish();
  return router;
}

FeedForward parse_feed_forward(Reader reader) {
  static constexpr std::array<std::string_view, 2> kinds = {"glu", "moe"};
  FeedForward result;
  if (reader.choice("kind", kinds, "glu") == 0) {
    result.ffn = reader.get<std::int64_t>("ffn");
  } else {
    Moe moe;
    moe.experts = reader.get<std::int64_t>("experts");
    moe.k = reader.get<std::int64_t>("k");
    moe.ffn = reader.get<std::int64_t>("ffn");
    moe.shared_ffn = reader.get_or<std::int64_t>("shared_ffn", 0);
    if (reader.has("router")) moe.router = parse_router(reader.object("router"));
    result.moe = moe;
  }
  reader.finish();
  return result;
}

Json feed_forward_json(const FeedForward& feed_forward) {
  if (!feed_forward.moe) return {{"kind", "glu"}, {"ffn", feed_forward.ffn}};
  const Moe& moe = *feed_forward.moe;
  const Router& router = moe.router;
  return {{"kind", "moe"},
          {"experts", moe.experts},
          {"k", moe.k},
          {"ffn", moe.ffn},
          {"shared_ffn", moe.shared_ffn},
          {"router",
           {{"score", score_names[static_cast<std::size_t>(router.score)]},
            {"selection_bias", router.selection_bias},
            {"groups", router.groups},
            {"groups_kept", router.groups_kept},
            {"renormalise", router.renormalise},
            {"scale", router.scale}}}};
}

// Options with one choice so far are named all the same, so that a later file cannot be mistaken for this kind.
void expect_only(Reader& reader, const char* key, const char* only) {
  const auto value = reader.get_or<std::string>(key, only);
  if (value != only) {
    throw Error(Kind::config, reader.where() + ": '" + key + "' is '" + value + "', not one of: " + only);
  }
}

Block parse_block(Reader reader) {
  Block block;
  expect_only(reader, "norm", "rms");
  expect_only(reader, "residual", "add");
  block.attention = parse_mixer(reader.object("mixer"));
  block.rope = parse_rope(reader.object("rope"));
  if (reader.has("mask")) block.mask = parse_mask(reader.object("mask"));
  block.feed_forward = parse_feed_forward(reader.object("ffn"));
  reader.finish();
  return block;
}

Json block_json(const Block& block) {
  const Attention& attention = block.attention;
  Json mask = {{"kind", mask_names[static_cast<std::size_t>(block.mask.kind)]}};
  if (block.mask.kind != Mask::Kind::full) mask["size"] = block.mask.size;
  return {{"norm", "rms"},
          {"residual", "add"},
          {"mixer",
           {{"kind", "gqa"},
            {"heads", attention.heads},
            {"kv_heads", attention.kv_heads},
            {"head_dim", attention.head_dim},
            {"qk_norm", attention.qk_norm}}},
          {"rope",
           {{"theta", block.rope.theta}, {"dims", block.rope.dims}, {"scaling", scaling_json(block.rope.scaling)}}},
          {"mask", mask},
          {"ffn", feed_forward_json(block.feed_forward)}};
}

Init parse_init(Reader reader) {
  Init init;
  init.embedding = reader.get_or("embedding", init.embedding);
  init.head = reader.get_or("head", init.head);
  init.matrix_gain = reader.get_or("matrix_gain", init.matrix_gain);
  init.output_gain = reader.get_or("output_gain", init.output_gain);
  reader.finish();
  return init;
}

void parse_layers(Reader& reader, const Json& blocks, ModelConfig& config) {
  if (!blocks.is_object()) throw Error(Kind::config, reader.where() + ": 'blocks' is not an object");
  for (const auto& [name, value] : blocks.items()) {
    config.blocks.emplace_back(name, parse_block({value, reader.where() + ": block '" + name + "'"}));
  }
  for (const auto& name : reader.get<std::vector<std::string>>("layers")) {
    const auto found = std::find_if(config.blocks.begin(), config.blocks.end(),
                                    [&](const auto& block) { return block.first == name; });
    if (found == config.blocks.end()) {
      throw Error(Kind::config, reader.where() + ": 'layers' names block '" + name + "', which 'blocks' does not define");
    }
    config.layers.push_back(static_cast<std::size_t>(found - config.blocks.begin()));
  }
}
}  // namespace

ModelConfig parse_config(const Json& json, std::string_view where) {
  Reader reader(json, std::string(where));
  const auto found = reader.get<std::string>("schema");
  if (found != schema) {
    throw Error(Kind::config, reader.where() + ": 'schema' is '" + found + "'; this version reads " + schema);
  }
  ModelConfig config;
  config.vocab = reader.get<std::int64_t>("vocab");
  config.hidden = reader.get<std::int64_t>("hidden");
  config.context = reader.get<std::int64_t>("context");
  config.epsilon = reader.get_or("epsilon", config.epsilon);
  config.tie_embeddings = reader.get_or("tie_embeddings", false);
  if (reader.has("init")) config.init = parse_init(reader.object("init"));
  reader.object("blocks");
  parse_layers(reader, json.at("blocks"), config);
  reader.finish();
  with_context(where, [&] { check_config(config); });
  return config;
}

ModelConfig read_config(const std::filesystem::path& path) { return parse_config(read_json(path), path.string()); }

Json to_json(const ModelConfig& config) {
  Json blocks = Json::object();
  for (const auto& [name, block] : config.blocks) blocks[name] = block_json(block);
  Json layers = Json::array();
  for (const auto layer : config.layers) layers.push_back(config.blocks[layer].first);
  return {{"schema", schema},
          {"vocab", config.vocab},
          {"hidden", config.hidden},
          {"context", config.context},
          {"epsilon", config.epsilon},
          {"tie_embeddings", config.tie_embeddings},
          {"init",
           {{"embedding", config.init.embedding},
            {"head", config.init.head},
            {"matrix_gain", config.init.matrix_gain},
            {"output_gain", config.init.output_gain}}},
          {"blocks", blocks},
          {"layers", layers}};
}

}  // namespace hearth::nn
