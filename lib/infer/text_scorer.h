// SPDX-License-Identifier: Apache-2.0
// How likely a model finds texts: many at once, each alone, packed into batches. A text's score does not depend on what
// else is scored nor on the number of threads.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lib/device/device.h"
#include "lib/nn/model.h"
#include "lib/store/model_source.h"
#include "lib/text/tokenizer/tokenizer.h"

namespace hearth::infer {

struct TextScore {
  double negative_log_prob = 0;  // nats, of n_tokens together
  std::int64_t n_tokens = 0;     // 0: the text has none to predict
  double perplexity() const;     // exp(negative_log_prob / n_tokens), NaN without tokens
};

class TextScorer {
 public:
  // Reads the weights and the tokenizer beside them. A text counts with its first max_tokens tokens, at most the
  // model's context. They are predicted as in training: the first from the token that ends or begins a text; without
  // such a token the first is not predicted. Throws Error{missing} without a tokenizer, Error{data} when it has more
  // tokens than the model.
  TextScorer(const store::ModelSource& source, Stream& stream, std::int64_t max_tokens);

  std::vector<TextScore> score(std::span<const std::string_view> texts);  // [texts.size()]
  std::int64_t max_tokens() const { return max_tokens_; }

 private:
  std::vector<std::uint32_t> tokens_of(std::string_view text) const;
  void score_batch(std::span<const std::vector<std::uint32_t>> texts, std::span<TextScore> scores);

  Stream& stream_;
  text::Tokenizer tokenizer_;
  std::int64_t max_tokens_;
  nn::Model model_;
};

}  // namespace hearth::infer
