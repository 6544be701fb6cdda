// SPDX-License-Identifier: Apache-2.0
#include "lib/text/classify/train.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/rng.h"

namespace hearth::text::classify {
namespace {

constexpr double least_probability = 1e-7;  // of the log loss
constexpr int n_thresholds = 9;

double logistic(double x) {
  return 1 / (1 + std::exp(-x));
}

double margin_of(const formats::LinearClassifier& classifier, std::span<const Feature> features) {
  double sum = 0;
  for (const Feature& feature : features) sum += double{classifier.weights[feature.bucket]} * feature.value;
  return sum + classifier.bias;
}

// The derivative's running sum of squares, with which AdaGrad divides.
void step(float& weight, float& squares, double gradient, double rate) {
  squares += static_cast<float>(gradient * gradient);
  weight -= static_cast<float>(rate * gradient / std::sqrt(double{squares} + 1e-12));
}

}  // namespace

formats::LinearClassifier train(std::span<const Example> examples, const TrainingOptions& options) {
  const auto n_good = static_cast<double>(std::ranges::count_if(examples, &Example::good));
  const auto n = static_cast<double>(examples.size());
  HEARTH_CHECK(n_good > 0 && n_good < n, "examples of both classes");
  const double weight_good = n / (2 * n_good), weight_bad = n / (2 * (n - n_good));
  formats::LinearClassifier classifier;
  classifier.weights.resize(options.n_buckets);
  std::vector<float> squares(options.n_buckets);
  float bias_squares = 0;
  std::vector<std::uint32_t> order(examples.size());
  std::iota(order.begin(), order.end(), 0u);
  Rng rng(options.seed);
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
    for (const std::uint32_t i : order) {
      const Example& example = examples[i];
      const double probability = logistic(margin_of(classifier, example.features));
      const double gradient = example.good ? weight_good * (probability - 1) : weight_bad * probability;
      for (const Feature& feature : example.features) {
        step(classifier.weights[feature.bucket], squares[feature.bucket], gradient * feature.value, options.rate);
      }
      step(classifier.bias, bias_squares, gradient, options.rate);
    }
  }
  return classifier;
}

double score_of(const formats::LinearClassifier& classifier, std::span<const Feature> features) {
  return logistic(margin_of(classifier, features));
}

Evaluation evaluate(std::vector<Scored> scored) {
  Evaluation result;
  result.good_kept.resize(n_thresholds);
  result.bad_kept.resize(n_thresholds);
  double loss = 0;
  std::uint64_t n_right = 0;
  for (const Scored& one : scored) {
    ++(one.good ? result.n_good : result.n_bad);
    n_right += (one.score >= 0.5) == one.good ? 1 : 0;
    loss -= std::log(std::max(least_probability, one.good ? one.score : 1 - one.score));
    for (int i = 0; i < n_thresholds; ++i) {
      if (one.score >= (i + 1) / 10.0) ++(one.good ? result.good_kept : result.bad_kept)[static_cast<std::size_t>(i)];
    }
  }
  HEARTH_CHECK(result.n_good > 0 && result.n_bad > 0, "scores of both classes");
  const auto n_good = static_cast<double>(result.n_good), n_bad = static_cast<double>(result.n_bad);
  for (double& kept : result.good_kept) kept /= n_good;
  for (double& kept : result.bad_kept) kept /= n_bad;
  result.accuracy = static_cast<double>(n_right) / (n_good + n_bad);
  result.log_loss = loss / (n_good + n_bad);
  std::ranges::sort(scored, {}, &Scored::score);
  double n_bad_below = 0, pairs = 0;
  for (std::size_t begin = 0, end = 0; begin < scored.size(); begin = end) {
    double good_here = 0, bad_here = 0;
    for (; end < scored.size() && scored[end].score == scored[begin].score; ++end)
      ++(scored[end].good ? good_here : bad_here);
    pairs += good_here * (n_bad_below + bad_here / 2);
    n_bad_below += bad_here;
  }
  result.auc = pairs / (n_good * n_bad);
  return result;
}

}  // namespace hearth::text::classify
