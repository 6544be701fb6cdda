// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/derivations.h"

namespace hearth::text {

Derivations::Derivations(const MergeRules& rules, const std::vector<std::uint32_t>& byte_ids,
                         std::span<const Merge> merges, const std::vector<std::string>& tokens,
                         const std::function<std::vector<std::uint32_t>(std::string_view)>& merge_all)
    : made_(tokens.size()), kinds_(tokens.size(), Kind::none) {
  for (const std::uint32_t id : byte_ids) kinds_[id] = Kind::regular;
  for (std::uint32_t rank = 0; rank < merges.size(); ++rank) {
    const auto [left, right, result] = merges[rank];
    const std::uint32_t time = rank + 1;
    if (kinds_[result] == Kind::regular || kinds_[left] != Kind::regular || kinds_[right] != Kind::regular) continue;
    if (made_[left].time >= time || made_[right].time >= time || rules.find(left, right).rank != rank) continue;
    if (crosses(rules, left, right, time, time, true)) continue;
    made_[result] = {time, left, right};
    kinds_[result] = Kind::regular;
  }
  for (const Merge& merge : merges) {
    Kind& kind = kinds_[merge.result];
    if (kind == Kind::none && merge_all(tokens[merge.result]) == std::vector{merge.result}) kind = Kind::irregular;
  }
}

// Goes back in time along the border between a and b: at each moment the pair that touches the border is known, and
// when its two sides are merged into what is larger. The pair crosses if its rule comes first; of equal ranks (one
// rule, three equal tokens in a row) the left pair comes first. end_a, end_b: when a and b are merged further.
bool Derivations::crosses(const MergeRules& rules, std::uint32_t a, std::uint32_t b, std::uint32_t end_a,
                          std::uint32_t end_b, bool but_the_whole) const {
  for (bool skip = but_the_whole;; skip = false) {
    if (!skip) {
      const MergeRules::Rule rule = rules.find(a, b);
      if (rule.rank != MergeRules::no_rank && rule.rank + 1 < end_a && rule.rank + 1 <= end_b) return true;
    }
    const Made &made_a = made_[a], &made_b = made_[b];
    if (made_a.time == 0 && made_b.time == 0) return false;
    if (made_a.time > made_b.time) {
      end_a = made_a.time;
      a = made_a.right;
    } else {  // of equal times the right one was made later
      end_b = made_b.time;
      b = made_b.left;
    }
  }
}

}  // namespace hearth::text
