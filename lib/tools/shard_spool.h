// SPDX-License-Identifier: Apache-2.0
// What was read so far, in the work folder (work_folder.h), so that judging can look at the whole corpus and an
// interrupted run goes on behind its last segment. A segment's texts and rows lie in two files (formats/record_file.h).
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "formats/record_file.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/thread_pool.h"
#include "lib/tools/shard_row.h"
#include "lib/tools/shard_walk.h"
#include "lib/tools/work_folder.h"

namespace hearth::tools::shard {

// How far reading went: documents of --against, then items of the inputs.
struct ReadPosition {
  std::uint64_t reference_blocks = 0;  // of those of all --against files together that this rank reads
  std::uint64_t n_references = 0;      // rows they gave, which come first
  std::uint64_t n_items = 0, n_rows = 0;
  Hash128 identity;  // over what was read: sources, sizes, times of change, line numbers
  bool complete = false;
  // When complete: what the walk met.
  std::uint64_t n_files = 0;
  Skipped skipped;
};

class Spool {
 public:
  Spool(const fs::path& output, const Json& plan, const std::string& resume, ThreadPool& pool);  // as WorkFolder
  ~Spool();

  const fs::path& folder() const { return folder_.path(); }
  const std::string& lock_problem() const { return folder_.lock_problem(); }
  std::size_t n_segments() const { return folder_.n_segments(); }
  const ReadPosition& position() const { return position_; }  // after the last whole segment

  void add(const Row& row, std::string_view text);
  bool segment_is_full() const;
  void end_segment(const ReadPosition& position);  // Error{io}: a full disk

  // Reading, one segment at a time, rows in order. for_each_row reads no texts.
  void for_each_row(std::size_t segment, const std::function<void(Row row)>& use) const;
  void for_each_text(std::size_t segment, const std::function<void(std::string_view text)>& use) const;

  void finishing() const { folder_.finishing(); }
  void remove() { folder_.remove(); }

 private:
  WorkFolder folder_;
  ThreadPool& pool_;
  ReadPosition position_;
  double segment_began_;
  std::unique_ptr<formats::RecordFileWriter> rows_, texts_;  // of the segment being written
};

}  // namespace hearth::tools::shard
