// SPDX-License-Identifier: Apache-2.0
// model.json: what is read, what is refused and with which words, and what a shape adds up to.
#include <string>

#include "lib/base/json_value.h"
#include "lib/nn/config.h"
#include "lib/nn/depth.h"
#include "lib/nn/family.h"
#include "lib/nn/parameters.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::nn;

namespace {
const char* const mixture_text = R"({
  "schema": "hearth.model/1", "vocab": 260, "hidden": 24, "context": 64, "epsilon": 1e-6, "tie_embeddings": false,
  "blocks": {
    "dense": {"mixer": {"kind": "gqa", "heads": 4, "kv_heads": 2, "head_dim": 8}, "rope": {"theta": 10000, "dims": 8},
              "ffn": {"kind": "glu", "ffn": 40}},
    "mixture": {"norm": "rms", "residual": "add",
                "mixer": {"kind": "gqa", "heads": 4, "kv_heads": 2, "head_dim": 8, "qk_norm": true},
                "rope": {"theta": 10000, "dims": 8, "scaling": {"kind": "yarn", "factor": 4, "original_context": 16}},
                "mask": {"kind": "window", "size": 5},
                "ffn": {"kind": "moe", "experts": 6, "k": 2, "ffn": 12, "shared_ffn": 24,
                        "router": {"score": "sigmoid", "scale": 2.5}}}
  },
  "layers": ["dense", "mixture", "mixture"]})";

Json mixture() { return parse_json(mixture_text, "test"); }

// The message with which json is refused, or "accepted".
std::string refusal(const Json& json) {
  try {
    parse_config(json, "model.json");
  } catch (const Error& error) {
    CHECK(error.kind() == Kind::config);
    return error.what();
  }
  return "accepted";
}
}  // namespace

TEST_CASE("model.json reads and writes back unchanged") {
  const ModelConfig config = parse_config(mixture(), "model.json");
  CHECK(config.n_layers() == 3);
  CHECK(config.block(0).mask.kind == Mask::Kind::full);
  CHECK(config.block(1).mask.size == 5);
  CHECK(config.block(2).feed_forward.moe->router.selection_bias);
  CHECK(config.block(1).rope.scaling.factor == 4);
  CHECK(parse_config(to_json(config), "again") == config);
}

TEST_CASE("a wrong model.json is refused with what, where and what to do") {
  struct Case {
    const char* pointer;  // what is set in the good file
    Json value;
    const char* message;  // part of the refusal
  };
  const Case cases[] = {
      {"/blocks/dense/mixer/kv_heads", 3, "block 'dense': mixer: 4 heads cannot share 3 kv_heads; take a divisor"},
      {"/blocks/dense/mixer/head_dim", 7, "head_dim is 7; it must be even"},
      {"/blocks/dense/mixer/heads", 0, "heads is 0; it must be at least 1"},
      {"/blocks/dense/mixer/heads", 4.5, "'heads' is 4.5, not a whole number"},
      {"/blocks/dense/mixer/kind", "mla", "latent attention is not built yet; use 'gqa'"},
      {"/blocks/dense/mixer/kind", "mamba", "'kind' is 'mamba', not one of: gqa"},
      {"/blocks/dense/rope/dims", 10, "dims is 10; it must be even and from 0 to head_dim, 8"},
      {"/blocks/dense/residual", "mhc", "'residual' is 'mhc', not one of: add"},
      {"/blocks/mixture/mask/size", 0, "block 'mixture': mask: size is 0; a query must see at least itself"},
      {"/blocks/mixture/ffn/k", 7, "k is 7, but there are only 6 experts"},
      {"/blocks/mixture/ffn/k", 0, "k is 0; it must be at least 1"},
      {"/blocks/mixture/ffn/router/groups", 4, "6 experts do not divide into 4 groups"},
      {"/blocks/mixture/ffn/router/groups_kept", 2, "groups_kept is 2, but there are only 1 groups"},
      {"/blocks/mixture/ffn/router/score", "tanh", "'score' is 'tanh', not one of: softmax, sigmoid"},
      {"/blocks/mixture/ffn/expert", 8, "ffn: unknown key 'expert'; did you mean 'experts'?"},
      {"/blocks/mixture/rope/scaling/factor", 0.5, "factor is 0.500000; it must be at least 1"},
      {"/blocks/mixture/rope/scaling/kind", "su", "not one of: base, linear, llama3, yarn"},
      {"/hiden", 24, "model.json: unknown key 'hiden'; did you mean 'hidden'?"},
      {"/hidden", 0, "hidden is 0; it must be at least 1"},
      {"/vocab", "many", "'vocab' has the wrong type"},
      {"/layers", Json::array(), "layers is empty; name at least one block"},
      {"/layers/1", "attention", "'layers' names block 'attention', which 'blocks' does not define"},
      {"/schema", "hearth.model/2", "'schema' is 'hearth.model/2'; this version reads hearth.model/1"},
  };
  REQUIRE(refusal(mixture()) == "accepted");
  for (const Case& wrong : cases) {
    Json json = mixture();
    json[Json::json_pointer(wrong.pointer)] = wrong.value;
    INFO(wrong.pointer << ": " << refusal(json));
    CHECK(refusal(json).find(wrong.message) != std::string::npos);
    CHECK(refusal(json).rfind("model.json: ", 0) == 0);
  }
}

TEST_CASE("parameters are those of the table in parameters.h") {
  const ModelConfig config = parse_config(mixture(), "model.json");
  const std::int64_t attention = 24 + 4 * 8 * 24 + 2 * 2 * 8 * 24 + 2 * 8 + 24 * 32;
  const std::int64_t dense = 24 + 3 * 40 * 24, moe = 24 + 6 * 24 + 6 * 3 * 12 * 24 + 3 * 24 * 24;
  CHECK(count_parameters(config).total == 2 * 260 * 24 + 24 + 3 * attention + dense + 2 * moe);
  CHECK(count_parameters(config).active == count_parameters(config).total - 260 * 24 - 2 * 4 * 3 * 12 * 24);
}

TEST_CASE("Qwen3-30B-A3B comes to its published size") {
  ModelConfig config;
  config.vocab = 151936, config.hidden = 2048, config.context = 32768;
  Block block;
  block.attention = {.heads = 32, .kv_heads = 4, .head_dim = 128};
  block.rope.dims = 128;
  block.feed_forward.moe = Moe{.experts = 128, .k = 8, .ffn = 768, .router = {.score = Router::Score::softmax, .selection_bias = false}};
  config.blocks = {{"moe", block}};
  config.layers.assign(48, 0);
  check_config(config);
  CHECK(count_parameters(config).total == 30532122624);  // as its model card's file metadata says
  CHECK(count_parameters(config).active == Approx(3.04e9).epsilon(0.02));
  CHECK(family_of(config).name == "qwen3_moe");
}

TEST_CASE("every depth gives a model that some family holds") {
  for (int depth = 1; depth <= 24; ++depth) {
    const ModelConfig dense = config_from_depth(depth, false, 8192, 512);
    CHECK(family_of(dense).name == "qwen3");
    CHECK(dense.n_layers() == depth);
    const Recipe recipe = recipe_for(dense, 5'000'000);
    CHECK(recipe.batch_tokens % 512 == 0);
    CHECK(recipe.batch_tokens >= 512);
    if (depth > 1) {
      const ModelConfig moe = config_from_depth(depth, true, 8192, 512);
      INFO(family_of(moe).why_not);
      CHECK(family_of(moe).name == "dots1");
      CHECK(count_parameters(moe).total > count_parameters(dense).total);
    }
  }
  CHECK_THROWS_WITH(config_from_depth(0, false, 8192, 512), Catch::Contains("it must be from 1 to 64"));
}

TEST_CASE("depth by the clock: deeper with more time, all of it used, warned where the corpus is small") {
  constexpr double flops_per_second = 2e11;
  const auto choose = [](double hours, std::int64_t corpus) {
    return choose_depth(hours, flops_per_second, corpus, false, 8192, 512);
  };
  CHECK(choose(0.1, 1'000'000'000).depth < choose(10, 1'000'000'000).depth);
  for (const double hours : {0.1, 1.0, 10.0}) {
    const DepthChoice choice = choose(hours, 1'000'000'000);
    const ModelConfig config = config_from_depth(choice.depth, false, 8192, 512);
    const double seconds = static_cast<double>(choice.token_budget) * train_flops_per_token(config, 512) / flops_per_second;
    CHECK(seconds == Approx(hours * 3600).epsilon(0.01));
    const double optimal = static_cast<double>(recipe_for(config).token_budget);
    CHECK(static_cast<double>(choice.token_budget) > optimal / 4);
    CHECK(static_cast<double>(choice.token_budget) < optimal * 4);
    CHECK_FALSE(choice.warning);
  }
  const DepthChoice small_corpus = choose(10, 1'000'000);
  CHECK(small_corpus.epochs == Approx(most_epochs));
  REQUIRE(small_corpus.warning);
  CHECK(small_corpus.warning->find("more text") != std::string::npos);
  CHECK(choose(10, 1'000'000).depth < choose(10, 1'000'000'000).depth);
  const DepthChoice no_time = choose(1e-4, 1'000'000'000);
  CHECK(no_time.depth == min_depth);
  REQUIRE(no_time.warning);
  CHECK(no_time.warning->find("the time allows") != std::string::npos);
}

TEST_CASE("a shape that no family holds says why") {
  ModelConfig config = config_from_depth(4, true, 512, 64);
  config.blocks[1].second.feed_forward.moe->shared_ffn = 0;
  CHECK(family_of(config).name.empty());
  CHECK(family_of(config).why_not.find("shared_ffn") != std::string::npos);
  config = config_from_depth(4, false, 512, 64);
  config.blocks[0].second.mask = {Mask::Kind::chunk, 16};
  CHECK(family_of(config).why_not.find("chunked") != std::string::npos);
}
