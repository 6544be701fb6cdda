// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/decontaminate.h"

#include <algorithm>
#include <utility>

#include "lib/base/json_value.h"
#include "lib/text/dedup/passages.h"
#include "lib/text/dedup/words.h"

namespace hearth::text::dedup {
namespace {

constexpr std::size_t most_quoted_bytes = 300, most_named = 8, most_findings = 100;

std::string quote(std::string_view passage) {
  if (passage.size() <= most_quoted_bytes) return "'" + std::string(passage) + "'";
  std::size_t end = most_quoted_bytes;
  while ((static_cast<unsigned char>(passage[end]) & 0xc0) == 0x80) --end;
  return "'" + std::string(passage.substr(0, end)) + "...'";
}

bool has_words(std::string_view text) {
  FoldedWords words(text);
  Word word;
  return words.next(word);
}

}  // namespace

Decontaminate::Decontaminate(SuiteOptions options, ContaminationAction action)
    : index_(std::move(options)),
      action_(action),
      n_documents_(std::make_unique<std::atomic<std::uint64_t>[]>(index_.n_items())) {}

std::optional<Rejection> Decontaminate::decide(Candidate& candidate) const {
  std::vector<SuiteIndex::Hit> hits;
  std::string& text = candidate.document.text;
  index_.find(text, hits);
  if (hits.empty()) return std::nullopt;
  const std::vector<std::uint32_t> items = count_items(hits);
  const Range& first = hits.front().range;
  std::string detail = index_.name_of(hits.front().item);
  if (items.size() > 1)
    detail += " and " + std::to_string(items.size() - 1) + " other item" + (items.size() > 2 ? "s" : "");
  detail += ": " + quote(std::string_view(text).substr(first.begin, first.end - first.begin));
  if (action_ == ContaminationAction::reject) return Rejection{"contaminated", detail};

  std::vector<Range> passages;
  for (const SuiteIndex::Hit& hit : hits) passages.push_back(hit.range);
  passages = merged(std::move(passages));
  if (action_ == ContaminationAction::cut) {
    for (Range& passage : passages) passage = with_space(text, passage.begin, passage.end);
    std::string left = without(text, merged(passages));
    if (!has_words(left)) return Rejection{"contaminated", detail};
    text = std::move(left);
  }
  const bool cut = action_ == ContaminationAction::cut;
  candidate.counts.emplace_back(cut ? "contaminated-cut" : "contaminated-tagged", passages.size());
  Json names = Json::array();
  for (std::size_t i = 0; i < std::min(items.size(), most_named); ++i) names.push_back(index_.name_of(items[i]));
  add_attribute(candidate.document, "contaminated", dump_json(names));
  return std::nullopt;
}

// The items hit, each once, in the order of the suites.
std::vector<std::uint32_t> Decontaminate::count_items(const std::vector<SuiteIndex::Hit>& hits) const {
  std::vector<std::uint32_t> items;
  for (const SuiteIndex::Hit& hit : hits) items.push_back(hit.item);
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  for (const std::uint32_t item : items) n_documents_[item].fetch_add(1, std::memory_order_relaxed);
  return items;
}

std::string Decontaminate::findings_json() const {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> hit;
  for (std::uint32_t item = 0; item < index_.n_items(); ++item) {
    const std::uint64_t n = n_documents_[item].load(std::memory_order_relaxed);
    if (n > 0) hit.emplace_back(n, item);
  }
  std::sort(hit.begin(), hit.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  Json items = Json::array();
  for (std::size_t i = 0; i < std::min(hit.size(), most_findings); ++i) {
    items.push_back({{"item", index_.name_of(hit[i].second)}, {"documents", hit[i].first}});
  }
  return dump_json({{"items", index_.n_items()},
                    {"too_short", index_.n_left_out()},
                    {"ngrams", index_.n_ngrams()},
                    {"items_hit", hit.size()},
                    {"hits", items}});
}

}  // namespace hearth::text::dedup
