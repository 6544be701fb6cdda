// SPDX-License-Identifier: Apache-2.0
// What happens to a document between its extraction and the corpus: a list of stages, each of which keeps it (perhaps
// changed) or rejects it with a reason. Stages that look at one document alone run first, on any thread; those that
// know the whole corpus follow (lib/text/corpus_stage.h). Results do not depend on the number of threads.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/documents.h"
#include "lib/base/digest.h"
#include "lib/text/normalize.h"

namespace hearth::text {

// Why something read is not used: one word for the rule (what statistics count), and a sentence for people.
struct Rejection {
  std::string reason;  // "too-short"
  std::string detail;  // "3 characters; at least 50 are wanted"
};

// What a stage says of a document that is worth counting over all of them, the rejected ones too: an item of an
// evaluation suite and how often it was found, the band a score falls into.
struct Tally {
  std::string stage, name;  // "decontaminate", "humaneval.jsonl:17"
  std::uint64_t number = 1;
};

// A document on its way into the corpus.
struct Candidate {
  formats::Document document;
  std::string path;      // in the file system; empty: a member of an archive, a record
  std::string own_id;    // given by its source; empty: one is made from path and text (document_id)
  std::string encoding;  // of the bytes it was read from: "utf-8", "windows-1252", ...
  Repairs repairs;
  std::vector<std::pair<std::string_view, std::uint64_t>> counts;  // what stages changed: {"masked-email", 3}; literals
  std::vector<Tally> tallies;
  std::string natural_language;  // ISO 639-1, set by the language stage; empty: unknown, or code
  std::uint64_t read_bytes = 0;  // before extraction, decompressed
  std::uint64_t path_hash = 0;   // of the source without "#line" (hash_path)
  Hash128 text_hash;             // of document.text (hash_text); set behind the document stages
};

// Adds "key": value_json to the document's attributes; a key that is there already stands twice, so choose a new one.
void add_attribute(formats::Document& document, std::string_view key, std::string_view value_json);

// Looks at one document alone. decide is called on many threads at once. A stage has decide or decide_all.
class DocumentStage {
 public:
  virtual ~DocumentStage() = default;
  virtual std::string_view name() const = 0;
  virtual std::optional<Rejection> decide(Candidate& candidate) const {
    return decide_all(std::array{&candidate}).front();
  }
  // True for a stage that is faster on many documents at once: then decide_all is called instead, by one thread at a
  // time, which may use others. What it says of a document must not depend on which others it is shown. Such stages
  // come behind those that look at one.
  virtual bool together() const { return false; }
  virtual std::vector<std::optional<Rejection>> decide_all(std::span<Candidate* const> candidates) const {
    std::vector<std::optional<Rejection>> rejections;
    for (Candidate* candidate : candidates) rejections.push_back(decide(*candidate));
    return rejections;
  }
  // Called instead of decide for a document that was rejected before it came here and is stored as such: what must hold
  // of every text that is written (nothing private in it) is seen to here.
  virtual void pass_rejected(Candidate& candidate) const { static_cast<void>(candidate); }
  // What it works with, for the report: a JSON object. What it says of documents are their tallies.
  virtual std::string findings_json() const { return "{}"; }
};

}  // namespace hearth::text
