// SPDX-License-Identifier: Apache-2.0
// What became of the documents: counted while they pass, stored in the output, shown as a table.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "lib/base/json.h"
#include "lib/text/stage.h"
#include "lib/tools/shard_walk.h"

namespace hearth::tools::shard {

struct Count {
  std::uint64_t documents = 0, bytes = 0;
  void add(std::uint64_t n_bytes) {
    ++documents;
    bytes += n_bytes;
  }
};

// Bytes of what was read and rejected are those read (before extraction, decompressed); of what was kept, those of its
// text.
struct Statistics {
  std::uint64_t n_files = 0;
  Count read, kept, rejected;
  std::map<std::string, Count> by_reason;
  std::map<std::string, Count> by_split, by_type, by_language;    // of what was kept
  std::map<std::string, std::uint64_t> by_encoding;               // of what was kept
  std::uint64_t n_line_ends = 0, n_controls = 0, n_composed = 0;  // kept documents so repaired
  Skipped skipped;

  // Counts a document that ends here: kept when rejection is null.
  void add(const text::Candidate& candidate, const text::Rejection* rejection);

  Json json() const;
  std::string table() const;
  std::string reasons() const;  // "12 too-short, 3 not-text"
};

}  // namespace hearth::tools::shard
