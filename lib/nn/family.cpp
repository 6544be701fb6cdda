// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/family.h"

namespace hearth::nn {
namespace {
// Everything of a block but what layers of one family may differ in.
bool same_attention(const Block& a, const Block& b) { return a.attention == b.attention && a.rope == b.rope; }

struct Survey {
  bool uniform = true, any_window = false, any_full = false, any_chunk = false, one_window = true;
  bool any_dense = false, one_dense = true, one_moe = true, dense_first = true;
  const Moe* moe = nullptr;
};

Survey survey_of(const ModelConfig& config) {
  Survey survey;
  const Block& first = config.block(0);
  std::int64_t window = 0, dense = 0;
  for (std::int64_t layer = 0; layer < config.n_layers(); ++layer) {
    const Block& block = config.block(layer);
    survey.uniform = survey.uniform && same_attention(block, first);
    survey.any_full = survey.any_full || block.mask.kind == Mask::Kind::full;
    survey.any_chunk = survey.any_chunk || block.mask.kind == Mask::Kind::chunk;
    if (block.mask.kind == Mask::Kind::window) {
      survey.one_window = survey.one_window && (window == 0 || window == block.mask.size);
      window = block.mask.size;
      survey.any_window = true;
    }
    if (const auto& moe = block.feed_forward.moe) {
      survey.one_moe = survey.one_moe && (survey.moe == nullptr || *survey.moe == *moe);
      survey.moe = &*moe;
    } else {
      survey.one_dense = survey.one_dense && (dense == 0 || dense == block.feed_forward.ffn);
      dense = block.feed_forward.ffn;
      survey.any_dense = true;
      survey.dense_first = survey.dense_first && survey.moe == nullptr;
    }
  }
  return survey;
}

Family none(std::string why) { return {"", std::move(why)}; }

Family dense_family(const ModelConfig& config, const Survey& survey) {
  if (config.block(0).attention.qk_norm) return {"qwen3", ""};
  if (!survey.any_window) return {"llama", ""};
  if (!survey.any_full) return {"mistral", ""};
  return none("llama and mistral have the same mask in every layer; qwen3 may mix them, but has qk_norm");
}

Family mixture_family(const ModelConfig& config, const Survey& survey) {
  const Moe& moe = *survey.moe;
  const Router& router = moe.router;
  if (!config.block(0).attention.qk_norm) return none("qwen3_moe and dots1 have qk_norm");
  if (!survey.one_moe) return none("qwen3_moe and dots1 have the same mixture in every layer that has one");
  if (router.score == Router::Score::softmax) {
    if (router.selection_bias) return none("qwen3_moe's softmax router has no selection_bias");
    if (moe.shared_ffn != 0) return none("qwen3_moe has no shared expert: set shared_ffn to 0");
    if (router.groups != 1) return none("qwen3_moe's router has no groups");
    if (router.scale != 1) return none("qwen3_moe's router has scale 1");
    if (survey.any_window) return none("qwen3_moe has full masks");
    return {"qwen3_moe", ""};
  }
  if (!router.selection_bias) return none("dots1's sigmoid router has a selection_bias");
  if (moe.shared_ffn == 0 || moe.shared_ffn % moe.ffn != 0) {
    return none("dots1's shared_ffn is one or more times ffn");
  }
  if (!survey.dense_first) return none("dots1's dense layers come before all mixtures");
  return {"dots1", ""};
}
}  // namespace

Family family_of(const ModelConfig& config) {
  const Survey survey = survey_of(config);
  if (!survey.uniform) return none("all families have the same heads and rope in every layer");
  if (survey.any_chunk) return none("chunked masks belong to Llama 4, which is not among the families yet");
  if (!survey.one_window) return none("all families have one size of window");
  if (!survey.one_dense) return none("all families have one width of dense feed-forward layers");
  const Block& first = config.block(0);
  if (first.rope.dims != first.attention.head_dim) return none("all families turn the whole head: rope dims = head_dim");
  return survey.moe == nullptr ? dense_family(config, survey) : mixture_family(config, survey);
}

}  // namespace hearth::nn
