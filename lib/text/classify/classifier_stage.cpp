// SPDX-License-Identifier: Apache-2.0
#include "lib/text/classify/classifier_stage.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "lib/text/classify/train.h"

namespace hearth::text::classify {
namespace {

std::string three_digits(double value) {
  char text[16];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

std::string band_of(double score) {
  const int tenth = std::clamp(static_cast<int>(std::floor(score * 10)), 0, 9);
  char text[32];
  std::snprintf(text, sizeof text, "%.1f to %.1f", tenth / 10.0, (tenth + 1) / 10.0);
  return text;
}

}  // namespace

ClassifierStage::ClassifierStage(const ClassifierOptions& options, bool reject)
    : least_score_(options.least_score), reject_(reject), classifier_(formats::read_classifier(options.path)) {}

std::optional<Rejection> ClassifierStage::decide(Candidate& candidate) const {
  const bool code = candidate.document.type == "code";
  if (classifier_.scope != "all" && (classifier_.scope == "code") != code) return std::nullopt;
  const double value = score(candidate.document.text);
  add_attribute(candidate.document, "quality_score", three_digits(value));
  candidate.tallies.push_back({std::string(name()), band_of(value), 1});
  if (!reject_ || value >= least_score_) return std::nullopt;
  return Rejection{"classifier-low",
                   "score " + three_digits(value) + "; at least " + three_digits(least_score_) + " is wanted"};
}

double ClassifierStage::score(std::string_view text) const {
  std::unique_ptr<FeatureMaker> maker;
  {
    const std::scoped_lock lock(mutex_);
    if (!idle_.empty()) {
      maker = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!maker) maker = std::make_unique<FeatureMaker>(classifier_.weights.size());
  const double value = score_of(classifier_, maker->make(text));
  const std::scoped_lock lock(mutex_);
  idle_.push_back(std::move(maker));
  return value;
}

std::string ClassifierStage::findings_json() const {
  return classifier_.evaluation;
}

}  // namespace hearth::text::classify
