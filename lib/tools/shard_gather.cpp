// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_gather.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "formats/documents.h"
#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/comm/mesh.h"
#include "lib/text/identity.h"
#include "lib/tools/shard_pack.h"

namespace hearth::tools::shard {
namespace {

constexpr std::size_t items_per_round = 2048;
constexpr std::uint64_t rejected_text_bytes = 64u << 10;  // what the output keeps of it

Row row_of(text::Candidate& candidate) {
  Row row;
  row.own_id = std::move(candidate.own_id);
  row.encoding = std::move(candidate.encoding);
  row.repairs = candidate.repairs;
  for (const auto& [name, number] : candidate.counts) row.counts.emplace_back(name, number);
  row.tallies = std::move(candidate.tallies);
  row.read_bytes = candidate.read_bytes;
  row.path_hash = candidate.path_hash;
  row.text_hash = candidate.text_hash;
  return row;
}

}  // namespace

Gatherer::Gatherer(const Options& options, const Stages& stages, Spool& spool, const std::optional<FileShare>& share,
                   Context& context)
    : options_(options),
      stages_(stages),
      workers_(parser_workers(options.parsers, options.max_document_bytes)),
      extract_(extract_options(options.parsers)),
      spool_(spool),
      context_(context),
      walk_(options.inputs, options.files_from, options.output, !options.no_gitignore),
      shared_walk_(walk_, share),
      source_(shared_walk_, member_limits(options.containers, options.max_document_bytes), workers_.get()),
      position_(spool.position()),
      began_(steady_seconds()) {
  extract_.workers = workers_.get();
}

bool Gatherer::run() {
  if (position_.complete) return true;
  if (!read_references() || !read_items()) {
    if (!position_.complete) spool_.end_segment(position_);
    return false;
  }
  position_.complete = true;
  position_.n_files = source_.n_files();
  position_.skipped = shared_walk_.skipped();
  position_.skipped.hidden += source_.n_passed_by();
  spool_.end_segment(position_);
  context_.log.progress_done();
  return true;
}

// The documents of --against, which only take part in judging: of all files' blocks, counted together, a rank's piece.
bool Gatherer::read_references() {
  std::vector<formats::DocumentsReader> readers;
  std::uint64_t n_blocks = 0, block_number = 0;
  for (const std::string& path : options_.duplicates.against) n_blocks += readers.emplace_back(path).n_blocks();
  const comm::Piece mine =
      comm::piece_of(static_cast<std::int64_t>(n_blocks), context_.mesh->rank(), context_.mesh->size());
  const auto end = static_cast<std::uint64_t>(mine.begin + mine.count);
  for (const formats::DocumentsReader& reader : readers) {
    for (std::uint64_t block = 0; block < reader.n_blocks(); ++block, ++block_number) {
      const std::uint64_t next = static_cast<std::uint64_t>(mine.begin) + position_.reference_blocks;
      if (block_number != next || block_number >= end) continue;
      if (stop_requested()) return false;
      std::vector<formats::Document> documents;
      for (formats::Document& document : reader.read_block(block)) add_unpacked(std::move(document), documents);
      std::vector<Row> rows(documents.size());
      context_.pool.for_each(static_cast<std::int64_t>(rows.size()), [&](std::int64_t index, int) {
        const auto i = static_cast<std::size_t>(index);
        text::Candidate candidate;
        candidate.document = std::move(documents[i]);
        candidate.own_id = candidate.document.id;
        candidate.text_hash = text::hash_text(candidate.document.text);
        sketch(candidate, rows[i]);
        Row row = row_of(candidate);
        row.reference = true;
        row.reference_split = static_cast<std::uint32_t>(candidate.document.split);
        row.sketches = std::move(rows[i].sketches);
        rows[i] = std::move(row);
      });
      for (Row& row : rows) take(row, {});
      position_.n_references += rows.size();
      ++position_.reference_blocks;
      if (spool_.segment_is_full()) spool_.end_segment(position_);
    }
  }
  return true;
}

bool Gatherer::read_items() {
  const std::uint64_t budget = budget_bytes_per_thread * static_cast<std::uint64_t>(context_.pool.n_threads());
  skip_what_was_read();
  for (bool more = true; more;) {
    std::vector<Item> items;
    more = source_.fill(items, items_per_round, budget);
    std::vector<Row> rows(items.size());
    for (std::size_t begin = 0; begin < items.size();) {
      run_round(items, rows, begin);
      for (; begin < items.size() && items[begin].done; ++begin) {
        fail_on_bad_line(items[begin]);
        note(items[begin]);
        bytes_read_ += rows[begin].read_bytes;
        take(rows[begin], items[begin].candidate.document.text);
        items[begin] = {};
        rows[begin] = {};
      }
      if (stop_requested()) return false;
      if (spool_.segment_is_full()) spool_.end_segment(position_);
      progress();
    }
  }
  return true;
}

// Passes by the items that lie in the spool, and sees whether they are the same still.
void Gatherer::skip_what_was_read() {
  const ReadPosition read = std::exchange(position_, ReadPosition{});
  while (position_.n_items < read.n_items) {
    std::vector<Item> items;
    const std::uint64_t left = read.n_items - position_.n_items;
    const bool more = source_.fill(items, std::min<std::uint64_t>(left, items_per_round), budget_bytes_per_thread);
    for (const Item& item : items) note(item);
    if (!more) break;
  }
  if (position_.n_items != read.n_items || position_.identity != read.identity) {
    throw Error(Kind::data, "the inputs differ from those that the interrupted run in " + spool_.folder().string() +
                                " has read; --resume never starts over");
  }
  position_ = read;
  if (read.n_items > 0) context_.log.info("going on behind " + std::to_string(read.n_items) + " documents read before");
}

// Counts an item as read.
void Gatherer::note(const Item& item) {
  ++position_.n_items;
  position_.identity = hash128(position_.identity.hex() + item.file.source + '\0' + std::to_string(item.file.bytes) +
                               ' ' + std::to_string(item.file.modified_ns) + '#' + std::to_string(item.line));
}

void Gatherer::fail_on_bad_line(const Item& item) {
  const bool bad = item.rejection && item.line > 0 &&
                   (item.rejection->reason == "bad-json" || item.rejection->reason == "no-text-field" ||
                    item.rejection->reason == "bad-id");
  if (!bad) return;
  const std::string message = item.file.path.string() + ":" + std::to_string(item.line) + ": " + item.rejection->detail;
  if (options_.on_bad_line == "fail") {
    throw Error(Kind::data, message + " (--on-bad-line skip goes on without such lines)");
  }
  context_.log.debug(message);
  if (n_bad_lines_++ == 0) first_bad_line_ = message;
}

// Works on items from first on; those that are not done afterwards found the budget spent.
void Gatherer::run_round(std::vector<Item>& items, std::vector<Row>& rows, std::size_t first) const {
  const std::uint64_t budget = budget_bytes_per_thread * static_cast<std::uint64_t>(context_.pool.n_threads());
  const bool together = stages_.n_alone() < stages_.document.size();
  std::atomic<std::uint64_t> in_flight{0};
  const auto for_each = [&](const auto& work) {
    context_.pool.for_each(static_cast<std::int64_t>(items.size() - first), [&](std::int64_t index, int) {
      const std::size_t i = first + static_cast<std::size_t>(index);
      work(items[i], rows[i]);
    });
  };
  for_each([&](Item& item, Row& row) {
    if (item.done || in_flight.load() > budget || stop_requested()) return;
    begin(item, row);
    in_flight += item.candidate.document.text.size();
    if (!together) finish(item, row);
  });
  if (!together) return;
  judge_together(std::span(items).subspan(first), std::span(rows).subspan(first));
  for_each([&](Item& item, Row& row) {
    if (item.begun && !item.done) finish(item, row);
  });
}

// Reads, extracts and judges one item alone.
void Gatherer::begin(Item& item, Row& row) const {
  text::Candidate& candidate = item.candidate;
  extract_item(item, options_.max_document_bytes, {options_.text_field, options_.id_field}, extract_);
  const std::string& text = candidate.document.text;
  row.sizes = {{0, text.size()}};
  for (const std::size_t n = stages_.n_alone(); !item.rejection && item.stage < n;) {
    item.rejection = stages_.document[item.stage++]->decide(candidate);
    if (text.size() != row.sizes.back().bytes)
      row.sizes.push_back({static_cast<std::uint32_t>(item.stage), text.size()});
  }
  item.begun = true;
}

void Gatherer::judge_together(std::span<Item> items, std::span<Row> rows) const {
  for (std::size_t stage = stages_.n_alone(); stage < stages_.document.size(); ++stage) {
    std::vector<std::size_t> numbers;
    std::vector<text::Candidate*> candidates;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!items[i].begun || items[i].done || items[i].rejection) continue;
      numbers.push_back(i);
      candidates.push_back(&items[i].candidate);
    }
    std::vector<std::optional<text::Rejection>> rejections = stages_.document[stage]->decide_all(candidates);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      Item& item = items[numbers[i]];
      std::vector<TextSize>& sizes = rows[numbers[i]].sizes;
      item.rejection = std::move(rejections[i]);
      item.stage = stage + 1;
      const std::uint64_t bytes = item.candidate.document.text.size();
      if (bytes != sizes.back().bytes) sizes.push_back({static_cast<std::uint32_t>(item.stage), bytes});
    }
  }
}

// Makes the row of an item that all document stages have seen.
void Gatherer::finish(Item& item, Row& row) const {
  text::Candidate& candidate = item.candidate;
  std::string& text = candidate.document.text;
  for (std::size_t i = item.stage; item.rejection && i < stages_.document.size(); ++i) {
    stages_.document[i]->pass_rejected(candidate);
  }
  candidate.text_hash = text::hash_text(text);
  std::vector<TextSize> sizes = std::move(row.sizes);
  row = row_of(candidate);
  row.root = static_cast<std::uint32_t>(item.file.root);
  if (options_.code.records == "repo" && candidate.document.type == "code") row.repository = item.file.repository;
  row.stage = static_cast<std::uint32_t>(item.stage);
  row.sizes = std::move(sizes);
  row.rejection = item.rejection;
  if (!item.rejection) sketch(candidate, row);
  std::swap(row.document, candidate.document);
  std::swap(row.document.text, text);
  if (item.rejection && text.size() > rejected_text_bytes) text.resize(rejected_text_bytes);
  item.done = true;
}

void Gatherer::sketch(const text::Candidate& candidate, Row& row) const {
  row.sketches.resize(stages_.corpus.size());
  for (std::size_t i = 0; i < stages_.corpus.size(); ++i) stages_.corpus[i]->sketch(candidate, row.sketches[i]);
}

void Gatherer::take(Row& row, const std::string& text) {
  spool_.add(row, text);
  ++position_.n_rows;
}

void Gatherer::progress() {
  const double seconds = steady_seconds() - began_;
  context_.log.progress("reading: " + human_count(static_cast<double>(position_.n_items)) + " documents, " +
                        human_bytes(static_cast<double>(bytes_read_)) + ", " +
                        human_bytes(static_cast<double>(bytes_read_) / std::max(seconds, 1e-3)) + "/s");
}

}  // namespace hearth::tools::shard
