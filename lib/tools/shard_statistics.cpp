// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_statistics.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "lib/base/json_value.h"
#include "lib/base/text.h"

namespace hearth::tools::shard {
namespace {

constexpr std::size_t languages_shown = 15;

std::string mebibytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", static_cast<double>(bytes) / (1 << 20));
  return text;
}

void add_row(TextTable& table, const std::string& name, const Count& count) {
  table.add({name, std::to_string(count.documents), mebibytes(count.bytes)});
}

Json json_of(const Count& count) {
  return {{"documents", count.documents}, {"bytes", count.bytes}};
}

Json json_of(const std::map<std::string, Count>& counts) {
  Json object = Json::object();
  for (const auto& [name, count] : counts) object[name] = json_of(count);
  return object;
}

void add_languages(TextTable& table, const std::map<std::string, Count>& by_language) {
  std::vector<std::pair<std::string, Count>> languages(by_language.begin(), by_language.end());
  std::stable_sort(languages.begin(), languages.end(),
                   [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  Count others;
  for (std::size_t i = 0; i < languages.size(); ++i) {
    if (i < languages_shown) {
      add_row(table, "    " + languages[i].first, languages[i].second);
    } else {
      others.documents += languages[i].second.documents;
      others.bytes += languages[i].second.bytes;
    }
  }
  if (languages.size() > languages_shown) {
    add_row(table, "    " + std::to_string(languages.size() - languages_shown) + " more", others);
  }
}

// "3 of this, 4 of that", leaving out what there is none of.
std::string enumerate(const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : counts) {
    if (count > 0) parts.push_back(std::to_string(count) + " " + name);
  }
  return join(parts, ", ");
}

}  // namespace

void Statistics::add(const text::Candidate& candidate, const text::Rejection* rejection) {
  read.add(candidate.read_bytes);
  if (rejection != nullptr) {
    rejected.add(candidate.read_bytes);
    by_reason[rejection->reason].add(candidate.read_bytes);
    return;
  }
  const formats::Document& document = candidate.document;
  const std::uint64_t bytes = document.text.size();
  kept.add(bytes);
  by_split[std::string(name_of(document.split))].add(bytes);
  by_type[document.type].add(bytes);
  if (!document.language.empty()) by_language[document.language].add(bytes);
  ++by_encoding[candidate.encoding];
  n_line_ends += candidate.repairs.line_ends ? 1 : 0;
  n_controls += candidate.repairs.controls ? 1 : 0;
  n_composed += candidate.repairs.composed ? 1 : 0;
}

Json Statistics::json() const {
  return {{"files", n_files},
          {"read", json_of(read)},
          {"kept", json_of(kept)},
          {"rejected", json_of(rejected)},
          {"by_reason", json_of(by_reason)},
          {"by_split", json_of(by_split)},
          {"by_type", json_of(by_type)},
          {"by_language", json_of(by_language)},
          {"by_encoding", by_encoding},
          {"repaired", {{"line_ends", n_line_ends}, {"controls", n_controls}, {"composed", n_composed}}},
          {"skipped", {{"hidden", skipped.hidden}, {"symlinks", skipped.symlinks}, {"special", skipped.special}}}};
}

std::string Statistics::table() const {
  TextTable table({"", "documents", "MiB"});
  add_row(table, "read", read);
  for (const auto& [reason, count] : by_reason) add_row(table, "  " + reason, count);
  add_row(table, "kept", kept);
  for (const char* split : {"train", "validation", "test"}) {
    const auto found = by_split.find(split);
    add_row(table, std::string("  ") + split, found == by_split.end() ? Count{} : found->second);
  }
  for (const auto& [type, count] : by_type) {
    add_row(table, "  " + type, count);
    if (type == "code") add_languages(table, by_language);
  }
  std::string text = table.text();
  std::vector<std::pair<std::string, std::uint64_t>> repairs;
  for (const auto& [encoding, count] : by_encoding) {
    if (encoding != "utf-8") repairs.emplace_back("from " + encoding, count);
  }
  repairs.insert(
      repairs.end(),
      {{"with other line ends", n_line_ends}, {"with control characters", n_controls}, {"not in NFC", n_composed}});
  if (const std::string all = enumerate(repairs); !all.empty()) text += "repaired: " + all + "\n";
  const std::string passed_by =
      enumerate({{"hidden", skipped.hidden}, {"symbolic links", skipped.symlinks}, {"special files", skipped.special}});
  if (!passed_by.empty()) text += "passed by: " + passed_by + "\n";
  return text;
}

std::string Statistics::reasons() const {
  std::vector<std::pair<std::string, std::uint64_t>> counts;
  for (const auto& [reason, count] : by_reason) counts.emplace_back(reason, count.documents);
  return enumerate(counts);
}

}  // namespace hearth::tools::shard
