// SPDX-License-Identifier: Apache-2.0
// Lines that many documents of one source share, as headers and footers of a site, cookie notes, banners: cut out of
// all of them, or counted in an attribute. A document's source is the input it came from and the folder directly below
// it (docs/handbook of docs/handbook/a/b.html), of members of an archive the archive, of records their file. A line is
// common when it stands in at least so many documents of a source and in at least such a share of them. White space at
// its ends does not count; headings, fenced blocks, lines under 16 characters and lines without a letter are never
// common, nor is code. Documents are counted after exact and near duplicates went.
// Many ranks count each line at the owner of its hash, which tells those whose documents hold it.
// A line is known by 32 bits of its hash: of the lines of a source with c common ones, c in 2^32 go by mistake. The
// sketch is 4 bytes a line; on disk 16 bytes for each line of each document, sorted within the memory budget; in
// memory 8 bytes for each common line, 16 a document, and 16 for each document of the line that most hold.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/text/corpus_stage.h"
#include "lib/text/dedup/record_groups.h"

namespace hearth::text::boilerplate {

struct CommonLineOptions {
  std::uint64_t least_documents = 10;
  double least_share = 0.3;
  bool tag = false;  // "common_lines":3 in the attributes in place of cutting
  std::uint64_t memory_bytes = 1u << 30;
  std::filesystem::path folder{};  // for temporary files; empty: the system's
};

class CommonLines : public CorpusStage {
 public:
  explicit CommonLines(CommonLineOptions options);
  std::string_view name() const override { return "common-lines"; }
  void sketch(const Candidate& candidate, std::string& out) const override;
  void observe(const Row& row, std::string_view sketch) override;
  void conclude(comm::Communicator& world) override;
  void cut(std::uint64_t row, std::string_view text, std::vector<Range>& ranges) const override;
  void annotate(std::uint64_t row, formats::Document& document) const override;
  std::string findings_json() const override;
  std::uint64_t memory_bytes() const override;

 private:
  // A line of a document: the key is that of the line within the document's source.
  struct Line {
    std::uint64_t hash = 0, document = 0;  // document: an index of documents_, or its number among those of all ranks
    std::uint64_t key() const { return hash; }
    bool operator<(const Line& other) const {
      return hash != other.hash ? hash < other.hash : document < other.document;
    }
  };
  struct Counted {
    Line line;                      // of a document of the rank that is told
    std::uint64_t n_documents = 0;  // that hold the line
    bool first = false;             // one of these documents hears this
  };
  struct Seen {
    std::uint64_t row = 0;
    std::uint32_t source = 0, n_common = 0;  // source: an index of sources_
  };
  struct Source {
    std::uint64_t hash = 0, n_documents = 0;  // of all ranks, after conclude
  };
  void count(comm::Communicator& world, std::span<const Line> lines, const comm::Numbering& documents);
  std::int64_t count_sources(comm::Communicator& world);
  const Seen* seen(std::uint64_t row) const;
  bool is_common(std::uint64_t key) const;

  CommonLineOptions options_;
  std::optional<dedup::RecordGroups<Line>> lines_;  // until conclude
  std::vector<Seen> documents_;                     // by row
  std::vector<Source> sources_;
  std::unordered_map<std::uint64_t, std::uint32_t> source_of_hash_;
  std::vector<std::uint64_t> common_;              // keys, sorted
  std::uint64_t first_row_ = 0;                    // that is no reference
  std::int64_t n_common_ = 0, n_occurrences_ = 0;  // of common lines
  std::vector<std::int64_t> found_;  // sources, documents, common lines, occurrences, documents with them, of all ranks
};

// The source of a document by the definition above.
std::string_view source_of(std::string_view document_source);

}  // namespace hearth::text::boilerplate
