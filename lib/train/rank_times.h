// SPDX-License-Identifier: Apache-2.0
// How long each rank computes, apart from waiting for others: every step takes as long as the slowest rank, so one slow
// node (hot, throttled, shared) slows all and shows in no rank's own step time.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/json.h"
#include "lib/comm/communicator.h"

namespace hearth::train {

class RankTimes {
 public:
  static constexpr std::int64_t window = 20;  // steps between two comparisons

  void add(double compute_s) { sum_s_ += compute_s, ++n_; }  // of one step
  // The mean since the last call, in seconds, of each rank. Collective.
  std::vector<double> compare(comm::Communicator& world);
  // Whether other ranks are slow than when this was last asked, so that a slow one is told once.
  bool is_news(const std::vector<double>& compute_s);

 private:
  double sum_s_ = 0;
  std::int64_t n_ = 0;
  std::vector<int> told_;
};

// Ranks that computed for more than 1.5 times the median (of an even number the lower one), and 10 ms longer.
struct SlowRank {
  int rank = 0;
  double ratio = 0;  // of its time to the median
};
std::vector<SlowRank> slow_ranks(const std::vector<double>& compute_s);

// The clock of a `ranks` event, and a sentence that is empty when no rank is slow. nodes: of each rank.
Json to_json(const std::vector<double>& compute_s, const std::vector<std::string>& nodes);
std::string slow_text(const std::vector<double>& compute_s, const std::vector<std::string>& nodes);

}  // namespace hearth::train
