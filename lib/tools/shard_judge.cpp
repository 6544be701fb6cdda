// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_judge.h"

#include "lib/base/error.h"
#include "lib/base/signals.h"
#include "lib/comm/agreement.h"
#include "lib/comm/mesh.h"

namespace hearth::tools::shard {
namespace {

constexpr std::int64_t rows_per_piece = 4096;

// Shows the stage all rows that are kept so far.
void show_rows(const Spool& spool, text::CorpusStage& stage, std::size_t index, const comm::Numbering& rows,
               Judgement& judgement) {
  std::uint64_t number = 0;
  for (std::size_t segment = 0; segment < spool.n_segments() && !stop_requested(); ++segment) {
    spool.for_each_row(segment, [&](const Row& row) {
      std::uint8_t& verdict = judgement.by_row.at(number);
      if (row.rejection) verdict = Judgement::rejected_before;
      if (verdict == Judgement::kept) {
        HEARTH_CHECK(index < row.sketches.size(), "a document in the work folder lacks a sketch");
        const std::string id = row.id();
        const auto split = static_cast<formats::Split>(row.reference_split);
        stage.observe({rows.shared(number), id, row.reference, row.text_hash, split}, row.sketches[index]);
      }
      ++number;
    });
  }
}

}  // namespace

std::optional<Judgement> judge_corpus(const Spool& spool, const Stages& stages, const comm::Numbering& rows,
                                      Context& context) {
  comm::Communicator& world = context.mesh->world();
  Judgement judgement;
  judgement.by_row.assign(spool.position().n_rows, Judgement::kept);
  const auto n_rows = static_cast<std::int64_t>(judgement.by_row.size());
  for (std::size_t i = 0; i < stages.corpus.size(); ++i) {
    text::CorpusStage& stage = *stages.corpus[i];
    context.log.progress("judging all documents: " + std::string(stage.name()));
    show_rows(spool, stage, i, rows, judgement);
    if (any_stopped(world)) return std::nullopt;
    stage.conclude(world);
    context.pool.for_ranges(n_rows, rows_per_piece, [&](std::int64_t begin, std::int64_t end, int) {
      if (stop_requested()) return;
      for (auto row = static_cast<std::uint64_t>(begin); row < static_cast<std::uint64_t>(end); ++row) {
        std::uint8_t& verdict = judgement.by_row[row];
        if (verdict == Judgement::kept && stage.judge(rows.shared(row))) verdict = static_cast<std::uint8_t>(i);
      }
    });
    if (any_stopped(world)) return std::nullopt;
  }
  context.log.progress_done();
  return judgement;
}

bool any_stopped(comm::Communicator& world) {
  const std::int64_t stopped = stop_requested() ? 1 : 0;
  return (world.size() == 1 ? stopped : comm::largest(world, {stopped})[0]) > 0;
}

}  // namespace hearth::tools::shard
