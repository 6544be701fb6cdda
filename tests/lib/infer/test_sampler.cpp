// SPDX-License-Identifier: Apache-2.0
#include "lib/infer/sampler.h"

#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "lib/base/error.h"
#include "tests/support/catch.h"

using namespace hearth;
using infer::sample_token;
using infer::Sampling;

namespace {

std::map<int, double> frequencies(const std::vector<float>& logits, const Sampling& sampling, int n_draws = 20000) {
  Rng rng(5);
  std::map<int, double> share;
  for (int i = 0; i < n_draws; ++i) share[sample_token(logits, sampling, rng)] += 1.0 / n_draws;
  return share;
}

}  // namespace

TEST_CASE("temperature 0 takes the likeliest token, the lower id of two equal ones, and draws nothing") {
  Rng rng(1);
  CHECK(sample_token(std::vector<float>{1, 3, 3, 2}, {.temperature = 0}, rng) == 1);
  CHECK(rng.position() == 0);
}

TEST_CASE("draws follow softmax(logits / temperature)") {
  const std::vector<float> logits{0, 1, 2, -1};
  for (const double temperature : {0.5, 1.0, 2.0}) {
    double sum = 0;
    for (const float logit : logits) sum += std::exp(logit / temperature);
    const auto share = frequencies(logits, {.temperature = temperature});
    for (int id = 0; id < 4; ++id) {
      const double expected = std::exp(logits[static_cast<std::size_t>(id)] / temperature) / sum;
      CHECK(share.at(id) == Approx(expected).margin(0.012));  // 3.4 standard errors at worst
    }
  }
}

TEST_CASE("top_k keeps the k likeliest, top_p the fewest that hold p of the rest") {
  const std::vector<float> logits{std::log(0.1f), std::log(0.4f), std::log(0.2f), std::log(0.3f)};
  const auto two = frequencies(logits, {.top_k = 2});
  CHECK(two.size() == 2);
  CHECK(two.at(1) == Approx(4.0 / 7).margin(0.012));
  CHECK(frequencies(logits, {.top_p = 0.69}).size() == 2);
  CHECK(frequencies(logits, {.top_p = 0.71}).size() == 3);
  CHECK(frequencies(logits, {.top_p = 1e-9}).size() == 1);
  CHECK(frequencies(logits, {.top_k = 3, .top_p = 0.77}).size() == 2);  // 0.7 of 0.9 is 0.778: p is of what k left
}

TEST_CASE("logits of minus infinity and NaN are never drawn; without a finite one it is an error") {
  const float none = -std::numeric_limits<float>::infinity(), nan = std::nanf("");
  CHECK(frequencies({none, 0, nan, none}, {}).size() == 1);
  Rng rng(1);
  CHECK_THROWS_AS(sample_token(std::vector<float>{none, nan}, {}, rng), Error);
}

TEST_CASE("impossible sampling settings are refused by name") {
  for (const Sampling& bad : {Sampling{.temperature = -1}, Sampling{.temperature = std::nan("")}, Sampling{.top_k = -1},
                              Sampling{.top_p = 0}, Sampling{.top_p = 1.5}}) {
    CHECK_THROWS_AS(infer::check_sampling(bad), Error);
  }
  CHECK_NOTHROW(infer::check_sampling({}));
}
