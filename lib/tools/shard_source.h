// SPDX-License-Identifier: Apache-2.0
// The documents that inputs hold, as work to be done on any thread: a file still to be read, or one line of a JSONL
// file.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formats/jsonl.h"
#include "lib/text/stage.h"
#include "lib/tools/shard_walk.h"

namespace hearth::tools::shard {

struct Item {
  FoundFile file;
  std::uint64_t line = 0;  // of a JSONL file, from 1; 0: the whole file
  std::string bytes;       // of the line
  text::Candidate candidate;
  std::optional<text::Rejection> rejection;
  bool done = false;
};

// Turns the files of a walk into items, in order. JSONL files are read here, one line at a time; others by whoever
// works on the item.
class ItemSource {
 public:
  ItemSource(InputWalk& walk, std::uint64_t max_document_bytes)
      : walk_(walk), max_document_bytes_(max_document_bytes) {}

  // Appends items until there are max_items or their lines have max_bytes; false when nothing is left.
  bool fill(std::vector<Item>& items, std::size_t max_items, std::uint64_t max_bytes);
  std::uint64_t n_files() const { return n_files_; }

 private:
  bool next(Item& item);
  bool next_line(Item& item);

  InputWalk& walk_;
  std::uint64_t max_document_bytes_;
  std::uint64_t n_files_ = 0;
  FoundFile file_;                              // the JSONL file being read
  std::unique_ptr<formats::LineReader> lines_;  // null: none is
};

}  // namespace hearth::tools::shard
