// SPDX-License-Identifier: Apache-2.0
#include "lib/train/rank_times.h"

#include <algorithm>
#include <utility>

#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/base/thread_pool.h"

namespace hearth::train {
namespace {

constexpr double slow_ratio = 1.5, least_s = 0.01;

std::string node_of(const std::vector<std::string>& nodes, int rank) {
  const auto at = static_cast<std::size_t>(rank);
  return at < nodes.size() ? nodes[at] : "";
}

}  // namespace

std::vector<double> RankTimes::compare(comm::Communicator& world) {
  double own = n_ > 0 ? sum_s_ / static_cast<double>(n_) : 0;
  sum_s_ = 0, n_ = 0;
  std::vector<double> all(static_cast<std::size_t>(world.size()));
  ThreadPool alone(1);
  Stream stream(alone);
  world.all_gather(stream, Tensor(&own, {1}), Tensor(all.data(), {world.size()})).wait(stream);
  return all;
}

std::vector<SlowRank> slow_ranks(const std::vector<double>& compute_s) {
  std::vector<SlowRank> slow;
  if (compute_s.empty()) return slow;
  std::vector<double> sorted = compute_s;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  for (std::size_t r = 0; r < compute_s.size(); ++r) {
    if (compute_s[r] > slow_ratio * *middle && compute_s[r] > *middle + least_s)
      slow.push_back({static_cast<int>(r), compute_s[r] / *middle});
  }
  return slow;
}

bool RankTimes::is_news(const std::vector<double>& compute_s) {
  std::vector<int> slow;
  for (const SlowRank& each : slow_ranks(compute_s)) slow.push_back(each.rank);
  return std::exchange(told_, slow) != slow;
}

Json to_json(const std::vector<double>& compute_s, const std::vector<std::string>& nodes) {
  Json slow = Json::array();
  for (const SlowRank& each : slow_ranks(compute_s))
    slow.push_back({{"rank", each.rank}, {"node", node_of(nodes, each.rank)}, {"ratio", each.ratio}});
  return {{"compute_s", compute_s}, {"slow", slow}};
}

std::string slow_text(const std::vector<double>& compute_s, const std::vector<std::string>& nodes) {
  std::string text;
  for (const SlowRank& each : slow_ranks(compute_s)) {
    const std::string node = node_of(nodes, each.rank);
    text += (text.empty() ? "rank " : "; rank ") + std::to_string(each.rank) + (node.empty() ? "" : " on " + node) +
            " computes " + format_number(each.ratio, 3) + " times as long as the median (" +
            human_seconds(compute_s[static_cast<std::size_t>(each.rank)]) + " a step), and all wait for it";
  }
  return text;
}

}  // namespace hearth::train
