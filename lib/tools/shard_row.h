// SPDX-License-Identifier: Apache-2.0
// What is known of a document when it was read: kept in the work folder while the whole corpus is judged, apart from
// its text, so that passes over all documents read little.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/text/stage.h"

namespace hearth::tools::shard {

// The bytes of a document's text when it left a stage that changed it or ended it. Stage 0 is extraction, i + 1 the
// document stage i.
struct TextSize {
  std::uint32_t stage = 0;
  std::uint64_t bytes = 0;
};

struct Row {
  formats::Document document;  // text is kept apart
  std::string own_id, encoding;
  text::Repairs repairs;
  std::vector<std::pair<std::string, std::uint64_t>> counts;  // Candidate::counts
  std::vector<text::Tally> tallies;
  std::uint64_t read_bytes = 0, path_hash = 0;
  Hash128 text_hash;
  std::uint32_t root = 0;             // of the inputs
  std::string repository;             // FoundFile::repository, of a file that is to be packed with others; else empty
  bool reference = false;             // of --against: judged with, never written
  std::uint32_t reference_split = 0;  // of a reference: the formats::Split it has in its corpus
  std::optional<text::Rejection> rejection;
  std::uint32_t stage = 0;            // that rejected it, numbered as in TextSize
  std::vector<TextSize> sizes;        // after extraction, and after each stage that changed the text
  std::vector<std::string> sketches;  // of each corpus stage; none when rejected

  std::string id() const;  // its own, or made from path and text
  std::string packed() const;
  static Row unpacked(std::string_view bytes);  // Error{data} when it is none
};

}  // namespace hearth::tools::shard
