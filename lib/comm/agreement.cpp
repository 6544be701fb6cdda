// SPDX-License-Identifier: Apache-2.0
#include "lib/comm/agreement.h"

#include <algorithm>
#include <map>

#include "lib/base/digest.h"

namespace hearth::comm {
namespace {

// "3", "1, 2 and 5", "1, 2, 3 and 40 more"
std::string listed(const std::vector<int>& ranks) {
  constexpr std::size_t shown = 6;
  std::string text;
  for (std::size_t i = 0; i < std::min(shown, ranks.size()); ++i) {
    const bool last = i + 1 == ranks.size();
    text += (i == 0 ? "" : last ? " and " : ", ") + std::to_string(ranks[i]);
  }
  if (ranks.size() > shown) text += " and " + std::to_string(ranks.size() - shown) + " more";
  return text;
}

}  // namespace

void check_agreement(Communicator& world, const std::vector<Fact>& facts) {
  if (world.size() == 1) return;
  const std::size_t n_facts = facts.size(), n_ranks = static_cast<std::size_t>(world.size());
  std::vector<std::int64_t> own, all(2 * n_facts * n_ranks);
  for (const Fact& fact : facts) {
    const Hash128 digest = hash128(fact.value);
    own.push_back(static_cast<std::int64_t>(digest.high));
    own.push_back(static_cast<std::int64_t>(digest.low));
  }
  ThreadPool alone(1);
  Stream stream(alone);
  world
      .all_gather(stream, Tensor(own.data(), {static_cast<std::int64_t>(own.size())}),
                  Tensor(all.data(), {static_cast<std::int64_t>(all.size())}))
      .wait(stream);

  std::string problems;
  for (std::size_t f = 0; f < n_facts; ++f) {
    std::map<std::pair<std::int64_t, std::int64_t>, std::vector<int>> ranks_of;
    for (std::size_t r = 0; r < n_ranks; ++r) {
      const std::size_t at = 2 * (r * n_facts + f);
      ranks_of[{all[at], all[at + 1]}].push_back(static_cast<int>(r));
    }
    if (ranks_of.size() == 1) continue;
    // The value of most ranks is taken for right; of two as frequent, that of the lowest rank.
    const auto most = std::ranges::max_element(ranks_of, [](const auto& a, const auto& b) {
      if (a.second.size() != b.second.size()) return a.second.size() < b.second.size();
      return a.second.front() > b.second.front();
    });
    std::vector<int> others;
    for (const auto& [digest, ranks] : ranks_of) {
      if (digest != most->first) others.insert(others.end(), ranks.begin(), ranks.end());
    }
    std::ranges::sort(others);
    problems += (problems.empty() ? "" : "; ") + facts[f].what + " of rank" + (others.size() > 1 ? "s " : " ") +
                listed(others) + " differ" + " from the rest";
  }
  if (!problems.empty()) {
    throw Error(Kind::config,
                problems + ": all ranks must run the same program on the same input with the same options");
  }
}

}  // namespace hearth::comm
