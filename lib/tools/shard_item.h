// SPDX-License-Identifier: Apache-2.0
// One document among the inputs, as work to be done on any thread, and the doing of it up to its text.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "lib/text/containers/members.h"
#include "lib/text/extract.h"
#include "lib/text/stage.h"
#include "lib/tools/shard_walk.h"

namespace hearth::tools::shard {

struct Item {
  FoundFile file;          // of a member its container's path; source and bytes are the member's own
  std::uint64_t line = 0;  // of a record in its file, of a message in its mailbox, from 1; 0: neither
  bool has_bytes = false;  // they were read from a container; else the file still is to be
  text::Member::Form form = text::Member::Form::file;
  std::string file_name;  // by which the type is told
  std::string bytes;
  text::Candidate candidate;
  std::optional<text::Rejection> rejection;
  std::size_t stage = 0;  // document stages it has passed, or the one that rejected it
  bool begun = false;     // extracted, and through the stages that look at it alone
  bool done = false;      // through all, and its row is made
};

// Fills item.candidate (its source and path_hash too) and item.rejection from the item's bytes or file. Thread-safe.
void extract_item(Item& item, std::uint64_t max_document_bytes, const text::RecordFields& fields,
                  const text::ExtractOptions& extract);

}  // namespace hearth::tools::shard
