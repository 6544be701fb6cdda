// SPDX-License-Identifier: Apache-2.0
#include "lib/infer/text_scorer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "lib/base/error.h"
#include "lib/nn/config.h"
#include "lib/store/load.h"

namespace hearth::infer {
namespace {

constexpr std::int64_t least_batch_tokens = 4096;
constexpr std::size_t most_bytes_per_token = 64;  // of a text longer than max_tokens of these the rest is not looked at

text::Tokenizer tokenizer_of(const store::ModelSource& source) {
  if (source.tokenizer_folder().empty()) {
    throw Error(Kind::missing, "the model has no tokenizer.json, so it cannot read texts; put one into its folder");
  }
  text::Tokenizer tokenizer = text::Tokenizer::load(source.tokenizer_folder());
  if (tokenizer.vocab_size() > static_cast<std::uint64_t>(source.config().vocab)) {
    throw Error(Kind::data, "the tokenizer has " + std::to_string(tokenizer.vocab_size()) + " tokens, the model " +
                                std::to_string(source.config().vocab) + ": they do not belong together");
  }
  return tokenizer;
}

// The beginning, up to a whole character.
std::string_view beginning(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

}  // namespace

double TextScore::perplexity() const {
  if (n_tokens == 0) return std::numeric_limits<double>::quiet_NaN();
  return std::exp(negative_log_prob / static_cast<double>(n_tokens));
}

TextScorer::TextScorer(const store::ModelSource& source, Stream& stream, std::int64_t max_tokens)
    : stream_(stream),
      tokenizer_(tokenizer_of(source)),
      max_tokens_(std::min(max_tokens, source.config().context)),
      model_(source.config(), DType::f32,
             {.purpose = nn::Purpose::run, .max_tokens = std::max(least_batch_tokens, max_tokens_)}) {
  store::load_parameters(source, model_.parameters(), stream);
}

// With the token that starts a text in front, where there is one: at most max_tokens_ to predict.
std::vector<std::uint32_t> TextScorer::tokens_of(std::string_view text) const {
  std::vector<std::uint32_t> ids;
  const std::optional<std::uint32_t> first = tokenizer_.bos() ? tokenizer_.bos() : tokenizer_.end_of_text();
  if (first) ids.push_back(*first);
  tokenizer_.encode(beginning(text, static_cast<std::size_t>(max_tokens_) * most_bytes_per_token), ids);
  ids.resize(std::min(ids.size(), static_cast<std::size_t>(max_tokens_) + 1));
  return ids;
}

std::vector<TextScore> TextScorer::score(std::span<const std::string_view> texts) {
  std::vector<std::vector<std::uint32_t>> tokens(texts.size());
  stream_.pool().for_each(static_cast<std::int64_t>(texts.size()), [&](std::int64_t i, int) {
    tokens[static_cast<std::size_t>(i)] = tokens_of(texts[static_cast<std::size_t>(i)]);
  });
  std::vector<TextScore> scores(texts.size());
  const auto n_predicted = [&](std::size_t i) { return tokens[i].empty() ? 0 : tokens[i].size() - 1; };
  for (std::size_t begin = 0; begin < texts.size();) {
    std::size_t end = begin, n = 0;
    const auto most = static_cast<std::size_t>(model_.settings().max_tokens);
    for (; end < texts.size() && n + n_predicted(end) <= most; ++end) n += n_predicted(end);
    const std::size_t count = end - begin;
    if (n > 0) score_batch(std::span(tokens).subspan(begin, count), std::span(scores).subspan(begin, count));
    begin = end;
  }
  return scores;
}

void TextScorer::score_batch(std::span<const std::vector<std::uint32_t>> texts, std::span<TextScore> scores) {
  std::vector<std::int32_t> ids, targets, positions, bounds{0};
  for (const std::vector<std::uint32_t>& text : texts) {
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
      ids.push_back(static_cast<std::int32_t>(text[i]));
      targets.push_back(static_cast<std::int32_t>(text[i + 1]));
      positions.push_back(static_cast<std::int32_t>(i));
    }
    if (text.size() > 1) bounds.push_back(static_cast<std::int32_t>(ids.size()));
  }
  const auto n = static_cast<std::int64_t>(ids.size());
  std::vector<float> weights(ids.size(), 1.0f), log_prob(ids.size());
  const nn::Batch batch{.ids = Tensor(ids.data(), {n}),
                        .positions = Tensor(positions.data(), {n}),
                        .cu_seqlens = Tensor(bounds.data(), {static_cast<std::int64_t>(bounds.size())}),
                        .targets = Tensor(targets.data(), {n}),
                        .token_weight = Tensor(weights.data(), {n}),
                        .embeddings = {}};
  model_.log_probs(stream_, batch, Tensor(log_prob.data(), {n}));
  std::size_t at = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::size_t n_predicted = texts[i].empty() ? 0 : texts[i].size() - 1;
    for (const std::size_t end = at + n_predicted; at < end; ++at) scores[i].negative_log_prob -= log_prob[at];
    scores[i].n_tokens = static_cast<std::int64_t>(n_predicted);
  }
}

}  // namespace hearth::infer
