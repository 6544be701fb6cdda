// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_statistics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/json_value.h"
#include "lib/base/text.h"

namespace hearth::tools::shard {
namespace {

constexpr std::size_t languages_shown = 15;
constexpr std::size_t most_sources = 1000;
constexpr const char* other_sources = "other sources";
constexpr std::size_t first_documents = 3;  // named of a tally
constexpr std::size_t tallies_shown = 5;

std::string mebibytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", static_cast<double>(bytes) / (1 << 20));
  return text;
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f",
                whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

Json json_of(const Count& count) {
  return {{"documents", count.documents}, {"bytes", count.bytes}};
}

Json json_of(const std::map<std::string, Count>& counts) {
  Json object = Json::object();
  for (const auto& [name, count] : counts) object[name] = json_of(count);
  return object;
}

void add_to(Count& sum, const Json& other) {
  sum.documents += other["documents"].get<std::uint64_t>();
  sum.bytes += other["bytes"].get<std::uint64_t>();
}

void add_to(std::map<std::string, Count>& sums, const Json& other) {
  for (const auto& [name, count] : other.items()) add_to(sums[name], count);
}

void add_to(std::map<std::string, std::uint64_t>& sums, const Json& other) {
  for (const auto& [name, count] : other.items()) sums[name] += count.get<std::uint64_t>();
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

bool NumberOrder::operator()(const std::string& a, const std::string& b) const {
  const auto number = [](const std::string& name) {
    double value = std::numeric_limits<double>::infinity();
    std::from_chars(name.data(), name.data() + name.size(), value);
    return value;
  };
  return std::pair(number(a), std::string_view(a)) < std::pair(number(b), std::string_view(b));
}

Statistics::Statistics(const std::vector<std::string>& stage_names, std::size_t document_stages, bool packs)
    : n_document_stages(document_stages) {
  const auto add_stage = [&](const std::string& name) { funnel.push_back({name, {}, {}, {}, 0, 0, {}}); };
  add_stage("extraction");
  for (const std::string& name : stage_names) add_stage(name);
  add_stage("after cutting");
  if (packs) add_stage("packing");
}

void Statistics::add(const Row& row, const Outcome& outcome) {
  read.add(row.read_bytes);
  add_to_funnel(row, outcome);
  for (const text::Tally& tally : row.tallies) {
    TallyCount& count = tallies[tally.stage][tally.name];
    ++count.documents;
    count.number += tally.number;
    if (count.first.size() < first_documents) count.first.push_back(row.document.id);
  }
  if (outcome.rejection != nullptr) {
    rejected.add(row.read_bytes);
    return;
  }
  if (!outcome.packed) add_kept(row.document, outcome.text_bytes);
  ++by_encoding[row.encoding];
  for (const auto& [name, number] : row.counts) counts[name] += number;
  n_line_ends += row.repairs.line_ends ? 1 : 0;
  n_controls += row.repairs.controls ? 1 : 0;
  n_composed += row.repairs.composed ? 1 : 0;
}

void Statistics::add_kept(const formats::Document& document, std::uint64_t text_bytes) {
  kept.add(text_bytes);
  by_split[std::string(name_of(document.split))].add(text_bytes);
  by_type[document.type].add(text_bytes);
  if (!document.language.empty()) by_language[document.language].add(text_bytes);
  const std::string top = document.source.substr(0, document.source.find_first_of("/#!"));
  Count one;
  one.add(text_bytes);
  add_source(top, one);
}

// Of more than can be named those are that come first by name: the same whoever counted them, in whatever order.
void Statistics::add_source(const std::string& name, const Count& count) {
  const bool named = name != other_sources && (by_source.contains(name) || by_source.size() < most_sources ||
                                               name < std::prev(by_source.end())->first);
  Count& sum = named ? by_source[name] : of_other_sources;
  sum.documents += count.documents;
  sum.bytes += count.bytes;
  if (by_source.size() <= most_sources) return;
  const auto last = std::prev(by_source.end());
  of_other_sources.documents += last->second.documents;
  of_other_sources.bytes += last->second.bytes;
  by_source.erase(last);
}

std::map<std::string, Count> Statistics::all_sources() const {
  std::map<std::string, Count> all = by_source;
  if (of_other_sources.documents > 0) all[other_sources] = of_other_sources;
  return all;
}

void Statistics::add(const Json& other) {
  n_files += other["files"].get<std::uint64_t>();
  add_to(read, other["read"]);
  add_to(kept, other["kept"]);
  add_to(rejected, other["rejected"]);
  for (std::size_t i = 0; i < funnel.size(); ++i) {
    const Json& stage = other["funnel"][i];
    add_to(funnel[i].in, stage["in"]);
    add_to(funnel[i].rejected, stage["rejected"]);
    add_to(funnel[i].changed, stage["changed"]);
    add_to(funnel[i].by_reason, stage["by_reason"]);
    funnel[i].bytes_removed += stage["bytes_removed"].get<std::int64_t>();
    funnel[i].joined += stage["joined"].get<std::uint64_t>();
  }
  for (const auto& [stage, by_name] : other["tallies"].items()) {
    for (const auto& [name, count] : by_name.items()) {
      TallyCount& sum = tallies[stage][name];
      sum.documents += count["documents"].get<std::uint64_t>();
      sum.number += count["number"].get<std::uint64_t>();
      for (const Json& id : count["first_documents"]) {
        if (sum.first.size() < first_documents) sum.first.push_back(id.get<std::string>());
      }
    }
  }
  add_to(counts, other["counts"]);
  add_to(by_split, other["by_split"]);
  add_to(by_type, other["by_type"]);
  add_to(by_language, other["by_language"]);
  for (const auto& [name, count] : other["by_source"].items()) {
    Count sum;
    add_to(sum, count);
    add_source(name, sum);
  }
  add_to(by_encoding, other["by_encoding"]);
  const Json &repaired = other["repaired"], &passed_by = other["skipped"];
  n_line_ends += repaired["line_ends"].get<std::uint64_t>();
  n_controls += repaired["controls"].get<std::uint64_t>();
  n_composed += repaired["composed"].get<std::uint64_t>();
  skipped.hidden += passed_by["hidden"].get<std::uint64_t>();
  skipped.symlinks += passed_by["symlinks"].get<std::uint64_t>();
  skipped.special += passed_by["special"].get<std::uint64_t>();
  skipped.ignored += passed_by["ignored"].get<std::uint64_t>();
}

void Statistics::add_packed(const formats::Document& document, std::uint64_t n_files) {
  add_kept(document, document.text.size());
  funnel.back().joined += n_files - 1;
}

// Lets the document pass the stages up to the one that ended it.
void Statistics::add_to_funnel(const Row& row, const Outcome& outcome) {
  std::uint64_t bytes = row.read_bytes;
  auto size = row.sizes.begin();
  for (std::size_t i = 0; i < funnel.size(); ++i) {
    StageCount& stage = funnel[i];
    stage.in.add(bytes);
    if (outcome.rejection != nullptr && outcome.stage == i) {
      stage.rejected.add(bytes);
      stage.by_reason[outcome.rejection->reason].add(bytes);
      return;
    }
    std::uint64_t after = bytes;
    if (size != row.sizes.end() && size->stage == i) after = (size++)->bytes;
    const std::size_t corpus_stage = i - 1 - n_document_stages;  // wraps for those before
    if (corpus_stage < outcome.cut_bytes.size()) after -= std::min(after, outcome.cut_bytes[corpus_stage]);
    if (after != bytes) {
      stage.changed.add(bytes);
      stage.bytes_removed += static_cast<std::int64_t>(bytes) - static_cast<std::int64_t>(after);
    }
    bytes = after;
  }
}

std::map<std::string, Count> Statistics::by_reason() const {
  std::map<std::string, Count> all;
  for (const StageCount& stage : funnel) {
    for (const auto& [reason, count] : stage.by_reason) {
      all[reason].documents += count.documents;
      all[reason].bytes += count.bytes;
    }
  }
  return all;
}

Json Statistics::json() const {
  Json stages = Json::array();
  for (const StageCount& stage : funnel) {
    stages.push_back({{"stage", stage.name},
                      {"in", json_of(stage.in)},
                      {"rejected", json_of(stage.rejected)},
                      {"changed", json_of(stage.changed)},
                      {"bytes_removed", stage.bytes_removed},
                      {"joined", stage.joined},
                      {"by_reason", json_of(stage.by_reason)}});
  }
  Json found = Json::object();
  for (const auto& [name, json] : findings) found[name] = parse_json(json, name);
  Json of_tallies = Json::object();
  for (const auto& [stage, counts_by_name] : tallies) {
    for (const auto& [name, count] : counts_by_name) {
      of_tallies[stage][name] = {
          {"documents", count.documents}, {"number", count.number}, {"first_documents", count.first}};
    }
  }
  return {{"files", n_files},
          {"read", json_of(read)},
          {"kept", json_of(kept)},
          {"rejected", json_of(rejected)},
          {"by_reason", json_of(by_reason())},
          {"funnel", stages},
          {"counts", counts},
          {"findings", found},
          {"tallies", of_tallies},
          {"by_split", json_of(by_split)},
          {"by_type", json_of(by_type)},
          {"by_language", json_of(by_language)},
          {"by_source", json_of(all_sources())},
          {"by_encoding", by_encoding},
          {"repaired", {{"line_ends", n_line_ends}, {"controls", n_controls}, {"composed", n_composed}}},
          {"skipped",
           {{"hidden", skipped.hidden},
            {"symlinks", skipped.symlinks},
            {"special", skipped.special},
            {"ignored", skipped.ignored}}}};
}

std::string Statistics::table() const {
  TextTable table({"", "documents", "MiB", "% of read"});
  const auto add_row = [&](const std::string& name, const Count& count) {
    table.add(
        {name, std::to_string(count.documents), mebibytes(count.bytes), percent(count.documents, read.documents)});
  };
  add_row("read", read);
  for (const StageCount& stage : funnel) {
    for (const auto& [reason, count] : stage.by_reason) add_row("  " + reason, count);
    if (stage.joined > 0)
      table.add({"  packed with others", std::to_string(stage.joined), "", percent(stage.joined, read.documents)});
  }
  add_row("kept", kept);
  for (const char* split : {"train", "validation", "test"}) {
    const auto found = by_split.find(split);
    add_row(std::string("  ") + split, found == by_split.end() ? Count{} : found->second);
  }
  for (const auto& [type, count] : by_type) {
    add_row("  " + type, count);
    if (type == "code") {
      for (const auto& [language, of_language] : largest_languages()) add_row("    " + language, of_language);
    }
  }
  return table.text() + changes() + tallied() + passed_by();
}

// The languages with most bytes; the rest as one.
std::vector<std::pair<std::string, Count>> Statistics::largest_languages() const {
  std::vector<std::pair<std::string, Count>> languages(by_language.begin(), by_language.end());
  std::stable_sort(languages.begin(), languages.end(),
                   [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  if (languages.size() <= languages_shown) return languages;
  Count others;
  for (std::size_t i = languages_shown; i < languages.size(); ++i) {
    others.documents += languages[i].second.documents;
    others.bytes += languages[i].second.bytes;
  }
  const std::string name = std::to_string(languages.size() - languages_shown) + " more";
  languages.resize(languages_shown);
  languages.emplace_back(name, others);
  return languages;
}

// A line for each stage that changed texts, and one of what extraction mended.
std::string Statistics::changes() const {
  std::string text;
  for (std::size_t i = 1; i < funnel.size(); ++i) {
    const StageCount& stage = funnel[i];
    if (stage.changed.documents == 0) continue;
    text += stage.name + ": changed " + std::to_string(stage.changed.documents) + " documents, " +
            (stage.bytes_removed < 0 ? "added " : "removed ") +
            human_bytes(std::abs(static_cast<double>(stage.bytes_removed))) + "\n";
  }
  if (const std::string all = enumerate({counts.begin(), counts.end()}); !all.empty()) text += "in them: " + all + "\n";
  std::vector<std::pair<std::string, std::uint64_t>> repairs;
  for (const auto& [encoding, count] : by_encoding) {
    if (encoding != "utf-8" && !encoding.empty()) repairs.emplace_back("from " + encoding, count);
  }
  repairs.insert(
      repairs.end(),
      {{"with other line ends", n_line_ends}, {"with control characters", n_controls}, {"not in NFC", n_composed}});
  if (const std::string all = enumerate(repairs); !all.empty()) text += "repaired: " + all + "\n";
  return text;
}

// A line for each stage that tallies: the names with most documents.
std::string Statistics::tallied() const {
  std::string text;
  for (const auto& [stage, by_name] : tallies) {
    std::vector<std::pair<std::string, TallyCount>> rows(by_name.begin(), by_name.end());
    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto& a, const auto& b) { return a.second.documents > b.second.documents; });
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < std::min(rows.size(), tallies_shown); ++i) {
      parts.push_back(rows[i].first + " in " + std::to_string(rows[i].second.documents));
    }
    if (rows.size() > tallies_shown) parts.push_back(std::to_string(rows.size() - tallies_shown) + " more");
    text += stage + ", documents: " + join(parts, ", ") + "\n";
  }
  return text;
}

std::string Statistics::passed_by() const {
  const std::string all = enumerate({{"hidden", skipped.hidden},
                                     {"named by .gitignore", skipped.ignored},
                                     {"symbolic links", skipped.symlinks},
                                     {"special files", skipped.special}});
  return all.empty() ? "" : "passed by: " + all + "\n";
}

std::string Statistics::reasons() const {
  std::vector<std::pair<std::string, std::uint64_t>> of_reasons;
  for (const auto& [reason, count] : by_reason()) of_reasons.emplace_back(reason, count.documents);
  return enumerate(of_reasons);
}

}  // namespace hearth::tools::shard
