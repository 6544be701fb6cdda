// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_spool.h"

#include <cstdio>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/json_value.h"

namespace hearth::tools::shard {
namespace {

// A segment ends at either: so much text, or so long since it began (slow parsers), that much work is lost at worst.
constexpr std::uint64_t segment_text_bytes = 64u << 20;
constexpr double segment_seconds = 60;

constexpr const char* plan_name = "plan.json";

Json json_of(const ReadPosition& position) {
  return {{"reference_blocks", position.reference_blocks},
          {"items", position.n_items},
          {"rows", position.n_rows},
          {"identity_high", position.identity.high},
          {"identity_low", position.identity.low},
          {"complete", position.complete},
          {"files", position.n_files},
          {"hidden", position.skipped.hidden},
          {"symlinks", position.skipped.symlinks},
          {"special", position.skipped.special}};
}

ReadPosition position_of(const Json& json, const std::string& where) {
  const auto number = [&](const char* key) { return json_get<std::uint64_t>(json, key, where); };
  return {number("reference_blocks"),
          number("items"),
          number("rows"),
          {number("identity_high"), number("identity_low")},
          json_get<bool>(json, "complete", where),
          number("files"),
          {number("hidden"), number("symlinks"), number("special")}};
}

// The first key whose value differs, for a message.
std::string difference(const Json& before, const Json& now) {
  for (const auto& [key, value] : now.items()) {
    if (!before.contains(key)) return key;
    if (before[key] == value) continue;
    return value.is_object() && before[key].is_object() ? difference(before[key], value) : key;
  }
  return before.size() > now.size() ? "an option" : "";
}

}  // namespace

Spool::Spool(const fs::path& output, const Json& plan, const std::string& resume, ThreadPool& pool)
    : folder_(output.string() + ".work"), pool_(pool) {
  const fs::path plan_path = folder_ / plan_name;
  const bool begun = fs::exists(plan_path);
  if (!begun && fs::exists(folder_) && !fs::is_empty(folder_) && !fs::exists(folder_ / ".lock")) {
    throw Error(Kind::cannot_create, folder_.string() + ": is needed to work in, but holds other things; move it away");
  }
  if (resume == "must" && !begun) {
    throw Error(Kind::missing, folder_.string() + ": no interrupted run to go on with (--resume auto starts one)");
  }
  std::error_code failed;
  fs::create_directory(folder_, failed);
  if (failed) throw Error(Kind::cannot_create, system_error(folder_.string(), failed.value()).what());
  lock_.emplace(folder_);
  if (begun && resume != "never") {
    if (const std::string key = difference(read_json(plan_path), plan); !key.empty()) {
      throw Error(Kind::config, folder_.string() + ": an interrupted run with another '" + key +
                                    "' is there; give its options again to go on, or --resume never to start over");
    }
    take_segments();
  } else {
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path().filename() != ".lock") fs::remove(entry.path());
    }
    write_file(plan_path, dump_json(plan, 1) + "\n");
  }
  segment_began_ = steady_seconds();
}

Spool::~Spool() = default;

// Takes the segments that are whole, and removes what was begun behind them.
void Spool::take_segments() {
  for (; fs::exists(file(n_segments_, "json")); ++n_segments_) {
    const fs::path path = file(n_segments_, "json");
    position_ = position_of(read_json(path), path.string());
  }
  for (const char* kind : {"rows", "texts", "rows.partial", "texts.partial", "json.partial"}) {
    fs::remove(file(n_segments_, kind));
  }
}

fs::path Spool::file(std::size_t segment, const char* kind) const {
  char name[32];
  std::snprintf(name, sizeof name, "%06zu.%s", segment, kind);
  return folder_ / name;
}

void Spool::add(const Row& row, std::string_view text) {
  if (rows_ == nullptr) {
    rows_ = std::make_unique<formats::RecordFileWriter>(file(n_segments_, "rows"), pool_);
    texts_ = std::make_unique<formats::RecordFileWriter>(file(n_segments_, "texts"), pool_);
    segment_began_ = steady_seconds();
  }
  rows_->add(row.packed());
  texts_->add(text);
}

bool Spool::segment_is_full() const {
  return texts_ != nullptr && (texts_->bytes() + rows_->bytes() >= segment_text_bytes ||
                               steady_seconds() - segment_began_ >= segment_seconds);
}

void Spool::end_segment(const ReadPosition& position) {
  if (rows_ == nullptr) {  // nothing came since the last one, but perhaps the end
    rows_ = std::make_unique<formats::RecordFileWriter>(file(n_segments_, "rows"), pool_);
    texts_ = std::make_unique<formats::RecordFileWriter>(file(n_segments_, "texts"), pool_);
  }
  std::exchange(texts_, nullptr)->finish();
  std::exchange(rows_, nullptr)->finish();
  write_file(file(n_segments_, "json"), dump_json(json_of(position)) + "\n");
  ++n_segments_;
  position_ = position;
}

void Spool::for_each_row(std::size_t segment, const std::function<void(Row row)>& use) const {
  formats::RecordFileReader rows(file(segment, "rows"));
  for (std::string_view record; rows.next(record);) use(Row::unpacked(record));
}

void Spool::for_each_text(std::size_t segment, const std::function<void(std::string_view text)>& use) const {
  formats::RecordFileReader texts(file(segment, "texts"));
  for (std::string_view record; texts.next(record);) use(record);
}

void Spool::remove() {
  lock_.reset();
  fs::remove_all(folder_);
}

}  // namespace hearth::tools::shard
