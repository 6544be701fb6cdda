// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "lib/base/rng.h"
#include "lib/text/classify/features.h"
#include "lib/text/classify/train.h"
#include "tests/support/catch.h"

namespace hearth::text::classify {
namespace {

std::map<std::uint32_t, float> as_map(const std::vector<Feature>& features) {
  std::map<std::uint32_t, float> map;
  for (const Feature& feature : features) map.emplace(feature.bucket, feature.value);
  return map;
}

std::string text_of(Rng& rng, std::uint64_t first_word, std::uint64_t n_words) {
  std::string text;
  for (int i = 0; i < 60; ++i) {
    std::string word = "w";
    for (std::uint64_t number = first_word + rng.below(n_words); number > 0; number /= 10) {
      word += static_cast<char>('a' + number % 10);
    }
    text += word + ' ';
  }
  return text;
}

}  // namespace

TEST_CASE("features are words and pairs of neighbours, once each, of length one") {
  FeatureMaker maker(1u << 20);
  const std::vector<Feature> features = maker.make("The key, the KEY: the door!");
  // the, key, the key, key the, door, the door
  REQUIRE(features.size() == 6);
  const float scale = 1 / std::sqrt(std::pow(1 + std::log(3.0f), 2.0f) + 3 * std::pow(1 + std::log(2.0f), 2.0f) + 2);
  CHECK(features[0].value == Approx((1 + std::log(3.0f)) * scale));
  CHECK(features[1].value == Approx((1 + std::log(2.0f)) * scale));
  CHECK(features[5].value == Approx(scale));
  CHECK(as_map(maker.make("the key the key the door")) == as_map(maker.make("The key, the KEY: the door!")));
  CHECK(as_map(maker.make("version 12")) == as_map(maker.make("version 3456")));
  CHECK(as_map(maker.make("key the")) != as_map(maker.make("the key")));
  CHECK(maker.make(" ... ").empty());
  CHECK(maker.make("one").size() == 1);
}

TEST_CASE("a maker used before gives what a fresh one gives, for texts of any length") {
  FeatureMaker used(1u << 12);
  Rng rng(7);
  for (int i = 0; i < 40; ++i) {
    std::string text;
    for (std::uint64_t n = rng.below(100); n > 0; --n) text += text_of(rng, 0, 100000);
    FeatureMaker fresh(1u << 12);
    const auto expected = as_map(fresh.make(text));
    REQUIRE(used.make(text).size() == expected.size());
    REQUIRE(as_map(used.make(text)) == expected);
  }
}

TEST_CASE("training tells two vocabularies apart, and the same examples give the same weights") {
  Rng rng(3);
  FeatureMaker maker(1u << 16);
  std::vector<Example> examples;
  for (int i = 0; i < 400; ++i) {
    const bool good = i % 4 == 0;  // three bad ones for one good: 0.5 is neutral all the same
    examples.push_back({maker.make(text_of(rng, good ? 1000 : 1300, 500)), good});
  }
  const auto classifier = train(examples, {.n_buckets = 1u << 16});
  CHECK(classifier.weights == train(examples, {.n_buckets = 1u << 16}).weights);
  CHECK(classifier.weights != train(examples, {.n_buckets = 1u << 16, .seed = 2}).weights);
  std::vector<Scored> scored;
  for (int i = 0; i < 400; ++i) {
    const bool good = i % 2 == 0;
    scored.push_back({score_of(classifier, maker.make(text_of(rng, good ? 1000 : 1300, 500))), good});
  }
  const Evaluation evaluation = evaluate(scored);
  CHECK(evaluation.accuracy > 0.97);
  CHECK(evaluation.auc > 0.99);
  const double alone = score_of(classifier, {});  // of a text without words, by the bias
  CHECK((alone > 0.1 && alone < 0.9));
}

TEST_CASE("an evaluation counts what it says") {
  const Evaluation e = evaluate({{0.9, true}, {0.4, true}, {0.4, false}, {0.1, false}, {0.5, false}});
  CHECK(e.n_good == 2);
  CHECK(e.n_bad == 3);
  CHECK(e.accuracy == Approx(3 / 5.0));
  CHECK(e.auc == Approx((3 + 1.5) / 6));
  CHECK(e.log_loss == Approx(-(std::log(0.9) + std::log(0.4) + std::log(0.6) + std::log(0.9) + std::log(0.5)) / 5));
  CHECK(e.good_kept == std::vector<double>{1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5});
  CHECK(e.bad_kept[3] == Approx(2 / 3.0));
  CHECK(e.bad_kept[5] == 0);
}

}  // namespace hearth::text::classify
