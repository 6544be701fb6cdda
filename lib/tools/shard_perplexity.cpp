// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_perplexity.h"

#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/infer/text_scorer.h"
#include "lib/store/model_source.h"

namespace hearth::tools::shard {
namespace {

// Of powers of two: "16 to 32".
std::string band_of(double perplexity) {
  const int power = std::ilogb(perplexity);
  if (power >= 20) return "over 2^20";
  return std::to_string(1u << power) + " to " + std::to_string(2u << power);
}

class PerplexityStage : public text::DocumentStage {
 public:
  PerplexityStage(const PerplexityOptions& options, bool reject, Context& context)
      : options_(options), reject_(reject), source_(store::open_model(options.model)) {
    try {
      scorer_ =
          std::make_unique<infer::TextScorer>(*source_, context.stream, static_cast<std::int64_t>(options.max_tokens));
    } catch (const Error& error) {
      throw Error(error.kind(), "--perplexity-model " + options.model + ": " + error.what());
    }
  }

  std::string_view name() const override { return "perplexity"; }
  bool together() const override { return true; }

  std::vector<std::optional<text::Rejection>> decide_all(std::span<text::Candidate* const> candidates) const override {
    std::vector<std::string_view> texts;
    for (const text::Candidate* candidate : candidates) texts.emplace_back(candidate->document.text);
    const std::vector<infer::TextScore> scores = scorer_->score(texts);
    std::vector<std::optional<text::Rejection>> rejections(candidates.size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (scores[i].n_tokens > 0) rejections[i] = judge(*candidates[i], scores[i].perplexity());
    }
    return rejections;
  }

  std::string findings_json() const override {
    return dump_json(Json{{"model", options_.model}, {"model_id", source_->id()}, {"tokens", scorer_->max_tokens()}});
  }

 private:
  // Tallies: the band of the perplexity.
  std::optional<text::Rejection> judge(text::Candidate& candidate, double perplexity) const {
    if (!std::isfinite(perplexity)) {
      throw Error(Kind::data, candidate.document.source + ": its perplexity under " + options_.model +
                                  " is not a finite number: the model's weights are no good");
    }
    text::add_attribute(candidate.document, "perplexity", format_number(perplexity, 6));
    candidate.tallies.push_back({std::string(name()), band_of(perplexity), 1});
    if (!reject_) return std::nullopt;
    const std::string is = "perplexity " + format_number(perplexity, 6);
    if (options_.most > 0 && perplexity > options_.most)
      return text::Rejection{"perplexity-high", is + "; at most " + format_number(options_.most, 6) + " is wanted"};
    if (perplexity < options_.least)
      return text::Rejection{"perplexity-low", is + "; at least " + format_number(options_.least, 6) + " is wanted"};
    return std::nullopt;
  }

  PerplexityOptions options_;
  bool reject_;
  std::unique_ptr<store::ModelSource> source_;
  std::unique_ptr<infer::TextScorer> scorer_;
};

}  // namespace

void add_perplexity_options(Command& command, PerplexityOptions& options) {
  command.option("perplexity-model", &options.model, "PATH",
                 "score documents by how well this model predicts them (attribute perplexity): a hearth run, a "
                 "checkpoint, or a Hugging Face folder, with its tokenizer");
  command
      .option("perplexity-max", &options.most, "P",
              "most perplexity of a document that is kept: broken text has more; 0: any. With --quality-action tag all "
              "are kept, scored")
      .range(0);
  command
      .option("perplexity-min", &options.least, "P",
              "least perplexity of a document that is kept: repetitions and tables have less; 0: any")
      .range(0);
  command
      .count("perplexity-tokens", &options.max_tokens, "N",
             "tokens of a document that are scored, from its beginning; at most the model's context")
      .range(1, 1 << 20);
}

std::unique_ptr<text::DocumentStage> make_perplexity_stage(const PerplexityOptions& options, bool reject,
                                                           Context& context) {
  if (options.model.empty()) {
    if (options.most > 0 || options.least > 0)
      throw Error(Kind::config, "--perplexity-max and --perplexity-min need --perplexity-model");
    return nullptr;
  }
  if (options.most > 0 && options.most <= options.least)
    throw Error(Kind::config, "--perplexity-max must be above --perplexity-min, or no document is kept");
  return std::make_unique<PerplexityStage>(options, reject, context);
}

}  // namespace hearth::tools::shard
