// SPDX-License-Identifier: Apache-2.0
// Training of a linear classifier and its evaluation. Logistic regression by AdaGrad, one document at a time, in an
// order drawn from the seed: the same examples give the same weights to the bit. Both classes weigh as much as if they
// were equally frequent, so a score of 0.5 is neutral however many documents of each there were.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "formats/classifier.h"
#include "lib/text/classify/features.h"

namespace hearth::text::classify {

struct Example {
  std::vector<Feature> features;
  bool good = false;
};

struct TrainingOptions {
  std::uint64_t n_buckets = 1u << 20;
  int epochs = 10;
  double rate = 0.5;  // AdaGrad's
  std::uint64_t seed = 1;
};

// Both classes must be among the examples.
formats::LinearClassifier train(std::span<const Example> examples, const TrainingOptions& options);

// The probability that the text with these features is good.
double score_of(const formats::LinearClassifier& classifier, std::span<const Feature> features);

struct Evaluation {
  std::uint64_t n_good = 0, n_bad = 0;
  double accuracy = 0;                      // at a score of 0.5
  double auc = 0;                           // that a good document scores higher than a bad one; ties count half
  double log_loss = 0;                      // nats a document
  std::vector<double> good_kept, bad_kept;  // [9] share that scores at least 0.1, 0.2, ... 0.9
};

struct Scored {
  double score = 0;
  bool good = false;
};
// Both classes must be among them.
Evaluation evaluate(std::vector<Scored> scored);

}  // namespace hearth::text::classify
