// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/decontaminate.h"

#include <algorithm>
#include <map>
#include <utility>

#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/dedup/passages.h"
#include "lib/text/encoding.h"

namespace hearth::text::dedup {
namespace {

constexpr std::size_t most_quoted_bytes = 300, most_named = 8;

std::string quote(std::string_view passage) {
  if (passage.size() <= most_quoted_bytes) return "'" + std::string(passage) + "'";
  std::size_t end = most_quoted_bytes;
  while ((static_cast<unsigned char>(passage[end]) & 0xc0) == 0x80) --end;
  return "'" + std::string(passage.substr(0, end)) + "...'";
}

}  // namespace

Decontaminate::Decontaminate(SuiteOptions options, ContaminationAction action, std::uint64_t least_characters)
    : index_(std::move(options)), action_(action), least_characters_(least_characters) {}

std::optional<Rejection> Decontaminate::decide(Candidate& candidate) const {
  std::vector<SuiteIndex::Hit> hits;
  std::string& text = candidate.document.text;
  index_.find(text, hits);
  if (hits.empty()) return std::nullopt;
  const std::vector<std::uint32_t> items = tally_items(hits, candidate);
  const Range& first = hits.front().range;
  std::string detail = index_.name_of(hits.front().item);
  if (items.size() > 1)
    detail += " and " + std::to_string(items.size() - 1) + " other item" + (items.size() > 2 ? "s" : "");
  detail += ": " + quote(std::string_view(text).substr(first.begin, first.end - first.begin));
  Json names = Json::array();
  for (std::size_t i = 0; i < std::min(items.size(), most_named); ++i) names.push_back(index_.name_of(items[i]));
  add_attribute(candidate.document, "contaminated", dump_json(names));
  if (action_ == ContaminationAction::reject) return Rejection{"contaminated", detail};

  std::vector<Range> passages;
  for (const SuiteIndex::Hit& hit : hits) passages.push_back(hit.range);
  passages = merged(std::move(passages));
  if (action_ == ContaminationAction::cut) {
    for (Range& passage : passages) passage = with_space(text, passage.begin, passage.end);
    std::string left = without(text, merged(passages));
    if (const std::uint64_t n = count_characters(trim(left)); n < std::max<std::uint64_t>(1, least_characters_)) {
      return Rejection{"contaminated", detail + ", and " + std::to_string(n) +
                                           " characters are left without; at least " +
                                           std::to_string(least_characters_) + " are wanted"};
    }
    text = std::move(left);
  }
  const bool cut = action_ == ContaminationAction::cut;
  candidate.counts.emplace_back(cut ? "contaminated-cut" : "contaminated-tagged", passages.size());
  return std::nullopt;
}

// The items hit, each once, in the order of the suites.
std::vector<std::uint32_t> Decontaminate::tally_items(const std::vector<SuiteIndex::Hit>& hits,
                                                      Candidate& candidate) const {
  std::map<std::uint32_t, std::uint64_t> n_hits;
  for (const SuiteIndex::Hit& hit : hits) ++n_hits[hit.item];
  std::vector<std::uint32_t> items;
  for (const auto& [item, n] : n_hits) {
    items.push_back(item);
    candidate.tallies.push_back({std::string(name()), index_.name_of(item), n});
  }
  return items;
}

std::string Decontaminate::findings_json() const {
  return dump_json({{"items", index_.n_items()}, {"too_short", index_.n_left_out()}, {"ngrams", index_.n_ngrams()}});
}

}  // namespace hearth::text::dedup
