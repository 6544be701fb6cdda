// SPDX-License-Identifier: Apache-2.0
#include "kernels/sample.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/backend.h"
#include "lib/base/rng.h"

namespace hearth::kernels::ref {
namespace {

// A number in [0, 1) from draw `draw` of stream `stream`.
double uniform(std::uint64_t seed, std::int64_t stream, std::int64_t draw) {
  const PhiloxBlock block = philox(seed, static_cast<std::uint64_t>(draw), static_cast<std::uint64_t>(stream));
  const std::uint64_t bits = (static_cast<std::uint64_t>(block[0]) << 32 | block[1]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

// Token ids by falling logit, the first `count` of them; the lower id first among equals.
std::vector<std::int32_t> ranked(std::span<const float> logits, std::size_t count) {
  std::vector<std::int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto before = [&](std::int32_t a, std::int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(), before);
  ids.resize(count);
  return ids;
}

std::int32_t draw(std::span<const float> logits, const SampleArgs& args, double u) {
  const std::size_t kept = args.top_k > 0 ? std::min<std::size_t>(args.top_k, logits.size()) : logits.size();
  std::vector<std::int32_t> ids;
  if (args.top_p >= 1 && kept == logits.size()) {  // no cut: any order will do
    ids.resize(logits.size());
    std::iota(ids.begin(), ids.end(), 0);
  } else {
    ids = ranked(logits, kept);
  }
  const float greatest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> cumulative;
  double total = 0;
  for (const std::int32_t id : ids) {
    total += std::exp((static_cast<double>(logits[id]) - greatest) / args.temperature);
    cumulative.push_back(total);
  }
  if (args.top_p < 1) {
    const auto cut = std::lower_bound(cumulative.begin(), cumulative.end(), args.top_p * total);
    if (cut != cumulative.end()) cumulative.erase(cut + 1, cumulative.end());
  }
  const auto at = std::upper_bound(cumulative.begin(), cumulative.end(), u * cumulative.back());
  return ids[std::min<std::size_t>(at - cumulative.begin(), cumulative.size() - 1)];
}

}  // namespace

void sample(Stream&, const SampleArgs& args) {
  const std::int64_t rows = args.logits.shape[0], vocab = args.logits.shape[1];
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::span<const float> logits = args.logits.rows(row, 1).span<float>();
    const auto greatest = std::max_element(logits.begin(), logits.end());
    const bool any_nan = std::any_of(logits.begin(), logits.end(), [](float logit) { return std::isnan(logit); });
    if (any_nan || !std::isfinite(*greatest))
      throw Error(Kind::data, "the logits of row " + std::to_string(row) + " are not finite");
    std::int32_t id = static_cast<std::int32_t>(greatest - logits.begin());
    if (args.temperature > 0) {
      id = draw(logits, args,
                uniform(args.seed, args.streams.as<std::int64_t>()[row], args.draws.as<std::int64_t>()[row]));
    }
    args.ids.as<std::int32_t>()[row] = id;
    if (!args.log_prob) continue;
    double sum = 0;
    for (std::int64_t i = 0; i < vocab; ++i) sum += std::exp(static_cast<double>(logits[i]) - *greatest);
    args.log_prob.as<float>()[row] = static_cast<float>(logits[id] - *greatest - std::log(sum));
  }
}

}  // namespace hearth::kernels::ref
