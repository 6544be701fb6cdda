// SPDX-License-Identifier: Apache-2.0
#include "lib/infer/language_model.h"

#include <numeric>
#include <string>

#include "lib/base/error.h"
#include "lib/store/load.h"

namespace hearth::infer {

LanguageModel::LanguageModel(const store::ModelSource& source, Stream& stream, DType dtype, std::int64_t max_tokens)
    : stream_(stream),
      model_(source.config(), dtype,
             {.purpose = nn::Purpose::run, .max_tokens = max_tokens, .logits_rows = max_tokens}) {
  store::load_parameters(source, model_.parameters(), stream);
}

std::vector<float> LanguageModel::logits(std::span<const std::uint32_t> ids) {
  std::vector<std::int64_t> rows(ids.size());
  std::iota(rows.begin(), rows.end(), 0);
  return logits_of_rows(ids, rows);
}

std::vector<float> LanguageModel::last_logits(std::span<const std::uint32_t> ids) {
  return logits_of_rows(ids, {static_cast<std::int64_t>(ids.size()) - 1});
}

std::vector<float> LanguageModel::logits_of_rows(std::span<const std::uint32_t> ids,
                                                 const std::vector<std::int64_t>& rows) {
  const auto n_tokens = static_cast<std::int64_t>(ids.size());
  if (n_tokens == 0 || n_tokens > max_tokens()) {
    throw Error(Kind::config, "a sequence of " + std::to_string(n_tokens) + " tokens: 1 to " +
                                  std::to_string(max_tokens()) + " can be computed at once");
  }
  std::vector<std::int32_t> tokens, positions(ids.size());
  for (const std::uint32_t id : ids) {
    if (id >= vocab_size()) {
      throw Error(Kind::data, "token " + std::to_string(id) + " is outside the model's vocabulary of " +
                                  std::to_string(vocab_size()) + ": tokenizer and model do not belong together");
    }
    tokens.push_back(static_cast<std::int32_t>(id));
  }
  std::iota(positions.begin(), positions.end(), 0);
  std::vector<std::int32_t> bounds{0, static_cast<std::int32_t>(n_tokens)}, targets(ids.size(), -1);
  std::vector<float> weights(ids.size(), 0.0f);
  const nn::Batch batch{.ids = Tensor(tokens.data(), {n_tokens}),
                        .positions = Tensor(positions.data(), {n_tokens}),
                        .cu_seqlens = Tensor(bounds.data(), {2}),
                        .targets = Tensor(targets.data(), {n_tokens}),
                        .token_weight = Tensor(weights.data(), {n_tokens}),
                        .embeddings = {}};
  std::vector<float> logits(rows.size() * vocab_size());
  model_.logits(stream_, batch, rows,
                Tensor(logits.data(), {static_cast<std::int64_t>(rows.size()), model_.config().vocab}));
  return logits;
}

}  // namespace hearth::infer
