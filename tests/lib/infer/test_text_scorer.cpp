// SPDX-License-Identifier: Apache-2.0
// Scores against the logits of the same model (which test_language_model.cpp compares with transformers').
#include "lib/infer/text_scorer.h"

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/infer/language_model.h"
#include "lib/text/tokenizer/trainer.h"
#include "tests/lib/train/scratch.h"
#include "tests/support/catch.h"

using namespace hearth;

namespace {

constexpr std::uint32_t end_of_text = 256;

// A model of 272 ids with a tokenizer of bytes.
std::filesystem::path model_with_tokenizer(const Scratch& scratch, const std::string& name, std::size_t n_special = 1) {
  const auto folder = scratch.path() / name;
  std::filesystem::copy(std::filesystem::path(HEARTH_SOURCE_DIR) / "tests/golden/hf" / name, folder);
  std::vector<std::string> special{"<|endoftext|>"};
  for (std::size_t i = 1; i < n_special; ++i) special.push_back("<|" + std::to_string(i) + "|>");
  const auto file = text::make_tokenizer_file(text::Pattern::none, text::byte_vocabulary(), special);
  text::Tokenizer::from_json(text::write_tokenizer_json(file), "made").write_folder(folder);
  return folder;
}

// -sum of log softmax of the logits, for the first n bytes behind the end of a text.
double expected_of(infer::LanguageModel& model, std::string_view text, std::size_t n) {
  std::vector<std::uint32_t> ids{end_of_text};
  for (const char c : text.substr(0, n)) ids.push_back(static_cast<unsigned char>(c));
  const std::uint32_t last = ids.back();
  ids.pop_back();
  const std::vector<float> logits = model.logits(ids);
  double total = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const float* row = logits.data() + i * model.vocab_size();
    double sum = 0;
    for (std::uint32_t id = 0; id < model.vocab_size(); ++id) sum += std::exp(static_cast<double>(row[id]));
    total += std::log(sum) - row[i + 1 < ids.size() ? ids[i + 1] : last];
  }
  return total;
}

}  // namespace

TEST_CASE("a text's score is that of the logits, whatever else is scored and on how many threads") {
  const Scratch scratch;
  std::vector<std::string> texts{"", "a", "The quick brown fox jumps over the lazy dog.", "\xe6\x97\xa5\xe6\x9c\xac"};
  for (int i = 0; i < 300; ++i)
    texts.push_back("Text " + std::to_string(i) + std::string(static_cast<std::size_t>(i) % 60, 'x'));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  for (const char* name : {"qwen3", "dots1"}) {
    INFO(name);
    const auto source = store::open_model(model_with_tokenizer(scratch, name));
    ThreadPool one(1), two(2);
    Stream alone(one), stream(two);
    infer::LanguageModel model(*source, stream, DType::f32, 64);
    infer::TextScorer scorer(*source, stream, 24), other(*source, alone, 24);
    REQUIRE(scorer.max_tokens() == 24);
    const auto scores = scorer.score(views);
    const auto again = other.score(std::span(views).subspan(2));
    REQUIRE(scores.size() == texts.size());
    CHECK(scores[0].n_tokens == 0);
    CHECK(std::isnan(scores[0].perplexity()));
    for (std::size_t i = 1; i < texts.size(); ++i) {
      const std::size_t n = std::min<std::size_t>(texts[i].size(), 24);
      REQUIRE(scores[i].n_tokens == static_cast<std::int64_t>(n));
      const double expected = expected_of(model, texts[i], n);
      REQUIRE(scores[i].negative_log_prob == Approx(expected).epsilon(1e-5));
      REQUIRE(scores[i].perplexity() == Approx(std::exp(expected / static_cast<double>(n))).epsilon(1e-4));
      if (i >= 2) REQUIRE(again[i - 2].negative_log_prob == scores[i].negative_log_prob);  // bit for bit
    }
  }
}

TEST_CASE("a scorer wants a tokenizer that belongs to the model") {
  const Scratch scratch;
  ThreadPool pool(1);
  Stream stream(pool);
  const auto without = store::open_model(std::filesystem::path(HEARTH_SOURCE_DIR) / "tests/golden/hf/qwen3");
  CHECK_THROWS_WITH(infer::TextScorer(*without, stream, 8), Catch::Contains("no tokenizer.json"));
  const auto larger = store::open_model(model_with_tokenizer(scratch, "qwen3", 100));
  CHECK_THROWS_WITH(infer::TextScorer(*larger, stream, 8), Catch::Contains("356 tokens, the model 272"));
}
