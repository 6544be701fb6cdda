// SPDX-License-Identifier: Apache-2.0
// The third pass: from the spool to the documents file, with what the corpus stages say: documents rejected, ranges cut
// out of those that stay, groups held out together; counted and sampled as they pass.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/documents.h"
#include "lib/base/file.h"
#include "lib/device/context.h"
#include "lib/tools/shard.h"
#include "lib/tools/shard_judge.h"
#include "lib/tools/shard_pack.h"
#include "lib/tools/shard_samples.h"
#include "lib/tools/shard_sides.h"
#include "lib/tools/shard_spool.h"
#include "lib/tools/shard_stages.h"
#include "lib/tools/shard_statistics.h"

namespace hearth::tools::shard {

// text without the ranges (any order, overlapping at will). Where two lines meet at least a line end stays, at most a
// blank line.
std::string without(std::string_view text, std::vector<text::Range> ranges);

class CorpusWriter {
 public:
  // output: what this rank writes. rows: the numbers of the spool's rows among those of all ranks. roots: the inputs,
  // for provenance.
  CorpusWriter(const Options& options, const fs::path& output, const Stages& stages, const Spool& spool,
               const Judgement& judgement, const comm::Numbering& rows, const std::vector<std::string>& roots,
               Context& context);

  // Collective. Reads the spool and sums up. False, or Error{stopped} on all ranks, when a signal asked any to stop.
  // Throws Error{data} when no document is left on any rank.
  bool run();
  // Completes the output.
  void finish();
  // Of all ranks.
  const Statistics& statistics() const { return all_statistics_; }
  const Samples& samples() const { return samples_; }
  std::vector<InputRecord> inputs() const;  // the digests of what was read from each; of many ranks, over theirs

 private:
  // A document on its way out.
  struct Passing {
    Row row;
    std::string text;
    std::uint64_t number = 0;  // in the spool
    std::optional<text::Rejection> rejection;
    std::optional<text::Group> group;      // that it is held out with
    std::vector<std::uint64_t> cut_bytes;  // by corpus stage
    std::vector<std::string> cut_begins;   // the beginning of what each took out
    std::size_t stage = 0;                 // that rejected it
  };
  std::vector<Passing> load(std::size_t segment);
  void conclude(Passing& passing) const;
  void cut(Passing& passing) const;
  void write(Passing& passing);
  void write_packed(formats::Document document, std::uint64_t n_files);
  void find_sides();
  formats::Split split_of(const Passing& passing) const;
  std::vector<InputRecord> records(const std::vector<std::string>& digests) const;
  void sum_up();
  void sample(const Passing& passing);
  void sample_kept(const formats::Document& document, std::string_view text);

  const Options& options_;
  const Stages& stages_;
  const Spool& spool_;
  const Judgement& judgement_;
  const comm::Numbering& rows_;
  const std::vector<std::string>& roots_;
  Context& context_;
  formats::DocumentsWriter writer_;
  RepositoryPacker packer_;
  std::optional<Sides> sides_;              // when repositories are held out with what resembles their files
  Statistics statistics_, all_statistics_;  // of this rank's documents, of all
  Samples samples_;
  std::vector<Sha256> input_digests_;  // of each root: over the sources, text hashes and reasons it gave
  std::vector<std::string> own_digests_, all_digests_;  // once all is read: of this rank, of all
  std::uint64_t next_row_ = 0;
};

}  // namespace hearth::tools::shard
