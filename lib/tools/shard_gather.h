// SPDX-License-Identifier: Apache-2.0
// The first pass: everything that is to be read goes through extraction and the stages that look at one document alone,
// on all threads, and into the spool in the order of the inputs, with the corpus stages' sketches. Bytes in flight are
// bounded: when those of a round exceed the budget, the rest of its items wait for the next round.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/device/context.h"
#include "lib/tools/shard.h"
#include "lib/tools/shard_share.h"
#include "lib/tools/shard_source.h"
#include "lib/tools/shard_spool.h"
#include "lib/tools/shard_stages.h"
#include "lib/tools/shard_walk.h"

namespace hearth::tools::shard {

constexpr std::uint64_t budget_bytes_per_thread = 8u << 20;  // of texts in flight

class Gatherer {
 public:
  // share: the files to read; none: all. It and the others outlive this.
  Gatherer(const Options& options, const Stages& stages, Spool& spool, const std::optional<FileShare>& share,
           Context& context);

  // Reads from where the spool stands to the end. False when a signal asked to stop: what was read is in the spool.
  // Throws Error{data} at the first broken line with on_bad_line "fail", and when inputs differ from those that were
  // read before an interruption.
  bool run();
  std::uint64_t n_bad_lines() const { return n_bad_lines_; }
  const std::string& first_bad_line() const { return first_bad_line_; }
  const std::vector<std::string>& roots() const { return walk_.roots(); }

 private:
  bool read_references();
  bool read_items();
  void skip_what_was_read();
  void note(const Item& item);
  void fail_on_bad_line(const Item& item);
  void begin(Item& item, Row& row) const;
  void judge_together(std::span<Item> items, std::span<Row> rows) const;
  void finish(Item& item, Row& row) const;
  void sketch(const text::Candidate& candidate, Row& row) const;
  void run_round(std::vector<Item>& items, std::vector<Row>& rows, std::size_t first) const;
  void take(Row& row, const std::string& text);
  void progress();

  const Options& options_;
  const Stages& stages_;
  std::unique_ptr<text::ParserWorkers> workers_;
  text::ExtractOptions extract_;
  Spool& spool_;
  Context& context_;
  InputWalk walk_;
  SharedWalk shared_walk_;
  ItemSource source_;
  ReadPosition position_;
  std::uint64_t bytes_read_ = 0, n_bad_lines_ = 0;
  std::string first_bad_line_;
  double began_;
};

}  // namespace hearth::tools::shard
