// SPDX-License-Identifier: Apache-2.0
// What became of the documents: counted while they pass, stored in the output, shown as a table.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/json.h"
#include "lib/text/stage.h"
#include "lib/tools/shard_row.h"
#include "lib/tools/shard_walk.h"

namespace hearth::tools::shard {

struct Count {
  std::uint64_t documents = 0, bytes = 0;
  void add(std::uint64_t n_bytes) {
    ++documents;
    bytes += n_bytes;
  }
};

// One step of the funnel: what came to a stage, and what it did. Bytes are those of the text as the stage met it; of
// extraction, those read.
struct StageCount {
  std::string name;
  Count in, rejected, changed;     // changed: documents, and the bytes they had before
  std::int64_t bytes_removed = 0;  // by changes; negative where texts grew
  std::uint64_t joined = 0;        // by packing: documents that became part of another
  std::map<std::string, Count> by_reason;
};

// What a stage tallied under one name.
struct TallyCount {
  std::uint64_t documents = 0, number = 0;
  std::vector<std::string> first;  // ids of the first three documents
};

// Numbers at the beginning of names by their value: "2 to 4" before "16 to 32".
struct NumberOrder {
  bool operator()(const std::string& a, const std::string& b) const;
};

// What became of a document in the end.
struct Outcome {
  const text::Rejection* rejection = nullptr;
  std::size_t stage = 0;                 // that rejected it: an index of the funnel
  std::vector<std::uint64_t> cut_bytes;  // by each corpus stage
  std::uint64_t text_bytes = 0;          // of the text that is kept
  bool packed = false;                   // it becomes part of another document (Statistics::add_packed)
};

// Bytes of what was read and rejected are those read (before extraction, decompressed); of what was kept, those of its
// text.
struct Statistics {
  std::vector<StageCount> funnel;  // extraction, the document and corpus stages, what cutting left, packing
  std::size_t n_document_stages = 0;
  std::uint64_t n_files = 0;
  Count read, kept, rejected;
  std::map<std::string, Count> by_split, by_type, by_language, by_source;  // of what was kept
  Count of_other_sources;                                                  // beyond the first thousand by name
  std::map<std::string, std::uint64_t> by_encoding;                        // of what was kept
  std::map<std::string, std::uint64_t> counts;                // of what was kept: what stages changed in it
  std::vector<std::pair<std::string, std::string>> findings;  // of the stages: name, JSON
  std::map<std::string, std::map<std::string, TallyCount, NumberOrder>>
      tallies;                                                    // by stage and name; rejected ones too
  std::uint64_t n_line_ends = 0, n_controls = 0, n_composed = 0;  // kept documents so repaired
  Skipped skipped;

  Statistics(const std::vector<std::string>& stage_names, std::size_t n_document_stages, bool packs);
  void add(const Row& row, const Outcome& outcome);
  void add_packed(const formats::Document& document, std::uint64_t n_files);
  // What another rank counted, as its json() says: those of the ranks before come first. Findings are of all already.
  void add(const Json& other);
  std::map<std::string, Count> by_reason() const;  // bytes as read by the stage
  std::map<std::string, Count> all_sources() const;

  Json json() const;
  std::string table() const;
  std::string reasons() const;  // "12 too-short, 3 not-text"

 private:
  void add_to_funnel(const Row& row, const Outcome& outcome);
  void add_kept(const formats::Document& document, std::uint64_t text_bytes);
  void add_source(const std::string& name, const Count& count);
  std::vector<std::pair<std::string, Count>> largest_languages() const;
  std::string changes() const;
  std::string tallied() const;
  std::string passed_by() const;
};

}  // namespace hearth::tools::shard
