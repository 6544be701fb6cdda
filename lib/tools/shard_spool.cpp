// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_spool.h"

#include <utility>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/json_value.h"

namespace hearth::tools::shard {
namespace {

// A segment ends at either: so much text, or so long since it began (slow parsers), that much work is lost at worst.
constexpr std::uint64_t segment_text_bytes = 64u << 20;
constexpr double segment_seconds = 60;

Json json_of(const ReadPosition& position) {
  return {{"reference_blocks", position.reference_blocks},
          {"references", position.n_references},
          {"items", position.n_items},
          {"rows", position.n_rows},
          {"identity_high", position.identity.high},
          {"identity_low", position.identity.low},
          {"complete", position.complete},
          {"files", position.n_files},
          {"hidden", position.skipped.hidden},
          {"symlinks", position.skipped.symlinks},
          {"special", position.skipped.special},
          {"ignored", position.skipped.ignored}};
}

ReadPosition position_of(const Json& json, const std::string& where) {
  const auto number = [&](const char* key) { return json_get<std::uint64_t>(json, key, where); };
  return {number("reference_blocks"),
          number("references"),
          number("items"),
          number("rows"),
          {number("identity_high"), number("identity_low")},
          json_get<bool>(json, "complete", where),
          number("files"),
          {number("hidden"), number("symlinks"), number("special"), number("ignored")}};
}

}  // namespace

Spool::Spool(const fs::path& output, const Json& plan, const std::string& resume, ThreadPool& pool)
    : folder_(output, plan, resume), pool_(pool), segment_began_(steady_seconds()) {
  if (n_segments() > 0) {
    position_ = position_of(parse_json(folder_.position(), folder_.path().string()), folder_.path().string());
  }
}

Spool::~Spool() = default;

void Spool::add(const Row& row, std::string_view text) {
  if (rows_ == nullptr) {
    rows_ = std::make_unique<formats::RecordFileWriter>(folder_.file(n_segments(), "rows"), pool_);
    texts_ = std::make_unique<formats::RecordFileWriter>(folder_.file(n_segments(), "texts"), pool_);
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
    rows_ = std::make_unique<formats::RecordFileWriter>(folder_.file(n_segments(), "rows"), pool_);
    texts_ = std::make_unique<formats::RecordFileWriter>(folder_.file(n_segments(), "texts"), pool_);
  }
  std::exchange(texts_, nullptr)->finish();
  std::exchange(rows_, nullptr)->finish();
  folder_.end_segment(json_of(position));
  position_ = position;
}

void Spool::for_each_row(std::size_t segment, const std::function<void(Row row)>& use) const {
  formats::RecordFileReader rows(folder_.file(segment, "rows"));
  for (std::string_view record; rows.next(record);) use(Row::unpacked(record));
}

void Spool::for_each_text(std::size_t segment, const std::function<void(std::string_view text)>& use) const {
  formats::RecordFileReader texts(folder_.file(segment, "texts"));
  for (std::string_view record; texts.next(record);) use(record);
}

}  // namespace hearth::tools::shard
