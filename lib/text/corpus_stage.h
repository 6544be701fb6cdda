// SPDX-License-Identifier: Apache-2.0
// Stages that judge a document by the whole corpus: duplicates, lines common to many documents. They run out of core:
// while documents are read, each stage takes a sketch of every one (a few bytes that lie beside its text on disk);
// when all are read the sketches pass by in input order; then each document is judged. So a stage may look ahead, and
// holds in memory no more than it must.
//
//   sketch     any thread, once a document, right after the document stages; const
//   observe    one thread, in input order, each document that no stage before rejected
//   conclude   one thread, when all were observed; many ranks observe each its own and conclude together (collective).
//              Asked to stop, it may throw Error{stopped}, on all ranks, or break off and leave what is no result
//   judge      any thread, any order, rows that were observed; const. May be asked more than once: same answer
//   cut        any thread; const. What to take out of the text of a document that is kept
//   annotate   any thread; const. Attributes of a document that is kept, just before it is written
//
// Everything a stage says must depend on the documents and their order alone, not on threads, ranks or timing.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/comm/communicator.h"
#include "lib/text/stage.h"

namespace hearth::text {

// What observe is told of a document besides its sketch.
struct Row {
  std::uint64_t number = 0;  // its place in the input order of all ranks, from 0; documents of --against come first
  std::string_view id;       // for details: "of ID"
  bool reference =
      false;            // it stands in another corpus (--against): never rejected, never written, always the kept one
  Hash128 text_hash{};  // what its split is drawn from
  formats::Split split = formats::Split::train;  // of a reference: the one it has in its corpus
};

// Documents that are held out together: the first of them in the input order decides.
struct Group {
  std::uint64_t first = 0;  // its row
  Hash128 text_hash{};
  std::optional<formats::Split> split;  // of a reference
};

// Bytes [begin, end) of a text. Ends lie between characters.
struct Range {
  std::uint64_t begin = 0, end = 0;
};

class CorpusStage {
 public:
  virtual ~CorpusStage() = default;
  virtual std::string_view name() const = 0;
  // Appends the stage's sketch of the document; at most about a sixth of its text.
  virtual void sketch(const Candidate& candidate, std::string& out) const = 0;
  virtual void observe(const Row& row, std::string_view sketch) = 0;
  virtual void conclude(comm::Communicator& world) { static_cast<void>(world); }
  virtual std::optional<Rejection> judge(std::uint64_t row) const {
    static_cast<void>(row);
    return std::nullopt;
  }
  // Appends ranges of text, in any order and overlapping at will. text is what sketch saw; cuts of all stages are
  // applied together, and a document that becomes too short by them is rejected.
  virtual void cut(std::uint64_t row, std::string_view text, std::vector<Range>& ranges) const {
    static_cast<void>(row), static_cast<void>(text), static_cast<void>(ranges);
  }
  // Adds attributes (add_attribute) to a document that is kept; its text and id are final, and not to be changed.
  virtual void annotate(std::uint64_t row, formats::Document& document) const {
    static_cast<void>(row), static_cast<void>(document);
  }
  // The documents this one is held out with (near-duplicates that stay); nothing for one alone.
  virtual std::optional<Group> group_of(std::uint64_t row) const {
    static_cast<void>(row);
    return std::nullopt;
  }
  // What it found, for the report: counts, thresholds, largest clusters, of all ranks. A JSON object.
  virtual std::string findings_json() const { return "{}"; }
  virtual std::uint64_t memory_bytes() const { return 0; }
};

}  // namespace hearth::text
