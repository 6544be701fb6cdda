// SPDX-License-Identifier: Apache-2.0
#include "lib/infer/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace hearth::infer {
namespace {

struct Candidate {
  std::int32_t id;
  double weight;  // exp((logit - greatest) / temperature)
};

// The candidates worth drawing from, likeliest first.
std::vector<Candidate> candidates(std::span<const float> logits, const Sampling& sampling, float greatest) {
  std::vector<Candidate> all;
  all.reserve(logits.size());
  for (std::size_t id = 0; id < logits.size(); ++id) {
    const double weight = std::exp((static_cast<double>(logits[id]) - greatest) / sampling.temperature);
    if (weight > 0) all.push_back({static_cast<std::int32_t>(id), weight});  // false for NaN and -infinity
  }
  const auto likelier = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
  };
  std::sort(all.begin(), all.end(), likelier);
  if (sampling.top_k > 0 && all.size() > static_cast<std::size_t>(sampling.top_k)) {
    all.resize(static_cast<std::size_t>(sampling.top_k));
  }
  return all;
}

double total_weight(std::span<const Candidate> all) {
  return std::accumulate(all.begin(), all.end(), 0.0, [](double sum, const Candidate& c) { return sum + c.weight; });
}

// How many of the likeliest hold top_p of the weight: at least one.
std::size_t nucleus_size(std::span<const Candidate> all, double top_p) {
  const double wanted = top_p * total_weight(all);
  double sum = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    sum += all[i].weight;
    if (sum >= wanted) return i + 1;
  }
  return all.size();
}

}  // namespace

void check_sampling(const Sampling& sampling) {
  if (!(sampling.temperature >= 0) || std::isinf(sampling.temperature)) {
    throw Error(Kind::config, "--temperature must be a number of at least 0");
  }
  if (sampling.top_k < 0) throw Error(Kind::config, "--top-k must be at least 0 (0: all tokens)");
  if (!(sampling.top_p > 0 && sampling.top_p <= 1)) {
    throw Error(Kind::config, "--top-p must be above 0 and at most 1 (1: all tokens)");
  }
}

std::int32_t sample_token(std::span<const float> logits, const Sampling& sampling, Rng& rng) {
  std::int32_t likeliest = -1;
  for (std::size_t id = 0; id < logits.size(); ++id) {
    const bool greater = likeliest < 0 || logits[id] > logits[static_cast<std::size_t>(likeliest)];
    if (std::isfinite(logits[id]) && greater) likeliest = static_cast<std::int32_t>(id);
  }
  if (likeliest < 0) throw Error(Kind::internal, "the model gave no finite logit: its weights are damaged or diverged");
  if (sampling.temperature == 0) return likeliest;
  std::vector<Candidate> all = candidates(logits, sampling, logits[static_cast<std::size_t>(likeliest)]);
  if (sampling.top_p < 1) all.resize(nucleus_size(all, sampling.top_p));
  double left = rng.uniform() * total_weight(all);
  for (const Candidate& candidate : all) {
    left -= candidate.weight;
    if (left < 0) return candidate.id;
  }
  return all.back().id;
}

}  // namespace hearth::infer
