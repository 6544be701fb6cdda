// SPDX-License-Identifier: Apache-2.0
// Judges documents by a linear classifier (formats/classifier.h): the attribute quality_score, and "classifier-low" for
// those below a threshold.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/classifier.h"
#include "lib/text/classify/features.h"
#include "lib/text/stage.h"

namespace hearth::text::classify {

// What a command line says, unchecked.
struct ClassifierOptions {
  std::string path;          // empty: no classifier
  double least_score = 0.5;  // below it a document is rejected
};

class ClassifierStage : public DocumentStage {
 public:
  // Rejects, or only scores. Throws as formats::read_classifier.
  ClassifierStage(const ClassifierOptions& options, bool reject);
  std::string_view name() const override { return "classifier"; }
  // Tallies: the band of the score, "0.3 to 0.4".
  std::optional<Rejection> decide(Candidate& candidate) const override;
  std::string findings_json() const override;  // the evaluation of the classifier

 private:
  double score(std::string_view text) const;

  double least_score_;
  bool reject_;
  formats::LinearClassifier classifier_;
  mutable std::mutex mutex_;                                 // of the following
  mutable std::vector<std::unique_ptr<FeatureMaker>> idle_;  // those that no thread uses
};

}  // namespace hearth::text::classify
