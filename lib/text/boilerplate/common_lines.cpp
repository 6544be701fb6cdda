// SPDX-License-Identifier: Apache-2.0
#include "lib/text/boilerplate/common_lines.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/digest.h"
#include "lib/base/text.h"
#include "lib/text/dedup/words.h"

namespace hearth::text::boilerplate {
namespace {

constexpr std::size_t least_bytes = 16;  // of a line

std::uint64_t hash_of(std::string_view text) {
  return hash64(std::as_bytes(std::span(text.data(), text.size())));
}

bool has_letter(std::string_view line) {
  return std::any_of(line.begin(), line.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
  });
}

// Calls use(hash, begin, end) for each line of text that may be common; end is behind its line end.
template <class Use>
void for_each_line(std::string_view text, Use use) {
  std::string_view fence;  // that is open
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = trim(text.substr(begin, end - begin));
    const std::size_t next = std::min(end + 1, text.size());
    const bool marks_fence = line.starts_with("```") || line.starts_with("~~~");
    if (marks_fence && fence.empty()) {
      fence = line.substr(0, line.find_first_not_of(line[0]));
    } else if (marks_fence && line.starts_with(fence)) {
      fence = {};
    } else if (fence.empty() && line.size() >= least_bytes && !line.starts_with('#') && has_letter(line)) {
      use(static_cast<std::uint32_t>(hash_of(line)), begin, next);
    }
    begin = next;
  }
}

std::uint64_t key_of(std::uint64_t source_hash, std::uint32_t line) {
  return dedup::mix64(source_hash ^ dedup::mix64(std::uint64_t{line} + 1));
}

}  // namespace

std::string_view source_of(std::string_view source) {
  if (const std::size_t inside = source.find("!/"); inside != std::string_view::npos) return source.substr(0, inside);
  if (const std::size_t record = source.rfind('#'); record != std::string_view::npos) return source.substr(0, record);
  const std::size_t input = source.find('/');
  const std::size_t folder = input == std::string_view::npos ? input : source.find('/', input + 1);
  return source.substr(0, folder == std::string_view::npos ? std::min(input, source.size()) : folder);
}

CommonLines::CommonLines(CommonLineOptions options) : options_(std::move(options)) {
  lines_.emplace(options_.folder, options_.memory_bytes, /*whole_groups=*/true);
}

// The hash of the source, then those of the lines, each once.
void CommonLines::sketch(const Candidate& candidate, std::string& out) const {
  if (candidate.document.type == "code") return;
  std::vector<std::uint32_t> hashes;
  for_each_line(candidate.document.text, [&](std::uint32_t hash, std::size_t, std::size_t) { hashes.push_back(hash); });
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  const std::uint64_t source = hash_of(source_of(candidate.document.source));
  out.append(reinterpret_cast<const char*>(&source), sizeof source);
  out.append(reinterpret_cast<const char*>(hashes.data()), hashes.size() * sizeof(std::uint32_t));
}

void CommonLines::observe(const Row& row, std::string_view sketch) {
  if (row.reference) first_row_ = row.number + 1;
  if (sketch.empty()) return;
  std::uint64_t source_hash = 0;
  std::memcpy(&source_hash, sketch.data(), sizeof source_hash);
  sketch.remove_prefix(sizeof source_hash);
  const auto [source, is_new] = source_of_hash_.try_emplace(source_hash, static_cast<std::uint32_t>(sources_.size()));
  if (is_new) sources_.push_back({source_hash, 0});
  ++sources_[source->second].n_documents;
  const std::uint64_t document = documents_.size();
  documents_.push_back({row.number, source->second, 0});
  for (; !sketch.empty(); sketch.remove_prefix(sizeof(std::uint32_t))) {
    std::uint32_t line = 0;
    std::memcpy(&line, sketch.data(), sizeof line);
    lines_->add({key_of(source_hash, line), document});
  }
}

void CommonLines::conclude(comm::Communicator& world) {
  const std::int64_t n_sources = count_sources(world);
  const comm::Numbering documents = world.size() > 1 ? comm::Numbering(world, 0, documents_.size()) : comm::Numbering();
  lines_->for_each_round(
      world, sizeof(Counted),
      [&](const Line& line) {
        return Line{line.hash, documents.shared(line.document)};
      },
      [&](std::span<const Line> lines, bool) { count(world, lines, documents); });
  lines_.reset();
  std::sort(common_.begin(), common_.end());
  common_.erase(std::unique(common_.begin(), common_.end()), common_.end());
  const auto n_with_lines =
      std::count_if(documents_.begin(), documents_.end(), [](const Seen& each) { return each.n_common > 0; });
  found_ = comm::summed(
      world, {n_sources, static_cast<std::int64_t>(documents_.size()), n_common_, n_occurrences_, n_with_lines});
}

// Gives each source the number of its documents on all ranks. Returns how many sources this rank counted for all.
std::int64_t CommonLines::count_sources(comm::Communicator& world) {
  const auto n_ranks = static_cast<std::size_t>(world.size());
  std::vector<std::vector<Source>> outgoing(n_ranks);
  for (const Source& source : sources_) outgoing[dedup::owner_of(source.hash, world.size())].push_back(source);
  const comm::Received<Source> received = comm::exchanged(world, std::move(outgoing));
  std::unordered_map<std::uint64_t, std::uint64_t> counts;
  for (const Source& source : received.records) counts[source.hash] += source.n_documents;
  std::vector<std::vector<Source>> answers(n_ranks);
  for (std::size_t r = 0; r < n_ranks; ++r) {
    for (const Source& source : received.from(static_cast<int>(r)))
      answers[r].push_back({source.hash, counts.at(source.hash)});
  }
  for (const Source& source : comm::exchanged(world, std::move(answers)).records)
    sources_[source_of_hash_.at(source.hash)].n_documents = source.n_documents;
  return static_cast<std::int64_t>(counts.size());
}

// Counts the lines of a round that fall to this rank, and takes what is said of the lines of its own documents.
void CommonLines::count(comm::Communicator& world, std::span<const Line> lines, const comm::Numbering& documents) {
  std::vector<std::vector<Counted>> outgoing(static_cast<std::size_t>(world.size()));
  dedup::for_each_group(lines, [&](std::span<const Line> group) {
    if (group.size() < options_.least_documents) return;
    for (const Line& line : group) {
      outgoing[static_cast<std::size_t>(documents.holder(line.document))].push_back(
          {{line.hash, documents.own(line.document)}, group.size(), &line == &group.front()});
    }
  });
  for (const Counted& counted : comm::exchanged(world, std::move(outgoing)).records) {
    Seen& document = documents_[counted.line.document];
    const auto n_of_source = static_cast<double>(sources_[document.source].n_documents);
    if (static_cast<double>(counted.n_documents) < options_.least_share * n_of_source) continue;
    if (common_.empty() || common_.back() != counted.line.hash) common_.push_back(counted.line.hash);
    n_common_ += counted.first ? 1 : 0;
    ++n_occurrences_;
    ++document.n_common;
  }
}

const CommonLines::Seen* CommonLines::seen(std::uint64_t row) const {
  const auto found = std::lower_bound(documents_.begin(), documents_.end(), row,
                                      [](const Seen& each, std::uint64_t number) { return each.row < number; });
  const bool known = row >= first_row_ && found != documents_.end() && found->row == row;
  return known && found->n_common > 0 ? &*found : nullptr;
}

bool CommonLines::is_common(std::uint64_t key) const {
  return std::binary_search(common_.begin(), common_.end(), key);
}

void CommonLines::cut(std::uint64_t row, std::string_view text, std::vector<Range>& ranges) const {
  const Seen* document = options_.tag ? nullptr : seen(row);
  if (document == nullptr) return;
  const std::uint64_t source = sources_[document->source].hash;
  for_each_line(text, [&](std::uint32_t hash, std::size_t begin, std::size_t end) {
    if (is_common(key_of(source, hash))) ranges.push_back({begin, end});
  });
}

void CommonLines::annotate(std::uint64_t row, formats::Document& document) const {
  const Seen* found = options_.tag ? seen(row) : nullptr;
  if (found != nullptr) add_attribute(document, "common_lines", std::to_string(found->n_common));
}

std::string CommonLines::findings_json() const {
  return "{\"sources\":" + std::to_string(found_[0]) + ",\"documents\":" + std::to_string(found_[1]) +
         ",\"common_lines\":" + std::to_string(found_[2]) + ",\"occurrences\":" + std::to_string(found_[3]) +
         ",\"documents_with_common_lines\":" + std::to_string(found_[4]) + "}";
}

std::uint64_t CommonLines::memory_bytes() const {
  return documents_.capacity() * sizeof(Seen) + common_.capacity() * sizeof(std::uint64_t) +
         sources_.capacity() * 3 * sizeof(Source);
}

}  // namespace hearth::text::boilerplate
