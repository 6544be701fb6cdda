// SPDX-License-Identifier: Apache-2.0
// --code repo with --near-duplicates tag: a repository is held out as a whole, and near-duplicates that stay are held
// out together; so repositories and clusters that have a file in common, directly or over others, are on one side of
// the split. Which: that of the first document among them in the input order (a reference's is known), over all ranks.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "formats/documents.h"
#include "lib/device/context.h"
#include "lib/text/dedup/components.h"
#include "lib/text/dedup/spill.h"
#include "lib/text/identity.h"
#include "lib/tools/shard_judge.h"
#include "lib/tools/shard_spool.h"
#include "lib/tools/shard_stages.h"

namespace hearth::tools::shard {

// The documents a row is held out with, as the first corpus stage says that it passed; nothing for one alone. number:
// in the spool, row: among those of all ranks.
std::optional<text::Group> group_of(const Stages& stages, const Judgement& judgement, std::uint64_t number,
                                    std::uint64_t row);

class Sides {
 public:
  // Temporary files lie in folder; in memory the budget, and some 100 bytes a repository.
  Sides(std::uint64_t memory_bytes, const std::filesystem::path& folder);

  // Collective: looks at the rows of the spool. They are numbered as in CorpusWriter. Throws Error{stopped} on all
  // ranks when a signal asked any to stop.
  void find(const Spool& spool, const Stages& stages, const Judgement& judgement, const comm::Numbering& rows,
            const text::SplitFractions& fractions, Context& context);

  // Of a row that is held out with others of a cluster, or over one with a repository.
  std::optional<formats::Split> of(std::uint64_t number) const;

 private:
  struct Star {
    std::uint64_t row = 0, first = 0;  // a repository's or cluster's first row, the first of all held out together
    std::uint64_t key() const { return row; }
  };
  struct Side {
    std::uint64_t number = 0;  // in the spool
    formats::Split split = formats::Split::train;
    std::uint64_t key() const { return number; }
  };
  using Vertex = std::pair<std::uint64_t, std::uint64_t>;  // a row's number, and the first row of what it belongs to
  std::uint64_t first_of_repository(const Row& row, std::uint64_t shared);
  void join(const Spool& spool, const Stages& stages, const Judgement& judgement, const comm::Numbering& rows,
            Context& context);
  void tell(const std::vector<Vertex>& vertices, const comm::Numbering& rows, comm::Communicator& world);

  std::uint64_t memory_bytes_;
  std::filesystem::path folder_;
  std::map<std::pair<std::uint32_t, std::string>, std::uint64_t> repositories_;  // their first rows
  text::dedup::SortedTable<Star> stars_;
  text::dedup::SortedTable<Side> firsts_, sides_;  // of rows that decide; of all
};

}  // namespace hearth::tools::shard
