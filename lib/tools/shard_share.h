// SPDX-License-Identifier: Apache-2.0
// How the files of the inputs are shared out among ranks: a run of neighbours in the order of the walk to each, about
// the same in bytes, so that what the ranks read, one after the other, is what one rank would have read. Every rank
// walks over the names of all files, and opens its own.
#pragma once
#include <cstdint>
#include <optional>

#include "lib/base/digest.h"
#include "lib/comm/communicator.h"
#include "lib/tools/shard_walk.h"

namespace hearth::tools::shard {

// A place between two files of a walk.
struct WalkPlace {
  std::uint64_t n_files = 0, bytes = 0;  // before it; bytes with what opening a file costs
  Hash128 names;                         // over the sources before it
};

// The files of one rank.
struct FileShare {
  WalkPlace begin, end;
  std::uint64_t n_files = 0;  // of all ranks
  Hash128 inputs;             // over the sources, sizes and times of change of all files: the same on all ranks, or they see others
};

// Walks over everything, to its end. whole_trees: what is packed with others (--code repo) stays on one rank: no share
// ends within a source tree.
FileShare share_of(InputWalk& walk, bool whole_trees, int rank, int n_ranks);

// A walk that gives the files of a share alone; without one, all.
class SharedWalk {
 public:
  explicit SharedWalk(InputWalk& walk, const std::optional<FileShare>& share = {}) : walk_(walk), share_(share) {}

  // Throws Error{data} when files came or went since they were shared out.
  std::optional<FoundFile> next();
  Skipped skipped() const;  // between the files of the share and before the next one's; complete after the last

 private:
  std::optional<FoundFile> next_of_all();
  void finish();

  InputWalk& walk_;
  std::optional<FileShare> share_;
  WalkPlace at_;
  bool begun_ = false, finished_ = false;
  Skipped before_, behind_;  // what the walk had skipped at the share's ends
};

}  // namespace hearth::tools::shard
