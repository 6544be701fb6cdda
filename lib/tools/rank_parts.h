// SPDX-License-Identifier: Apache-2.0
// Where the ranks of a run put the parts of an output, behind its index: OUTPUT.parts/KIND-00002-of-00008.h5. KIND
// tells runs apart that would give other contents, so that an output that is replaced stays whole until the new one is,
// and work that was kept for other options or ranks is not taken for this run's.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "formats/parts.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/comm/communicator.h"

namespace hearth::tools {

class RankParts {
 public:
  using PartsAt = std::vector<formats::Part> (*)(const fs::path& index);  // of the output's format

  // plan: all that decides the content, the number of ranks included.
  RankParts(const fs::path& output, const Json& plan, int n_ranks, PartsAt parts_at);

  // Collective: makes the folder and takes it for this run. Throws Error{cannot_create} on every rank when it cannot be
  // made, when another run writes there, when a rank does not see what the first one made, or when it holds parts of an
  // index that is elsewhere: they are somebody's, and the new output would be mixed with them. Parts of killed runs for
  // other contents go; the work that was kept for them stays until this run's output is there.
  void take_folder(comm::Communicator& world);
  fs::path of(int rank) const;
  std::vector<fs::path> all() const;
  // Whether the output is an index of these parts, as they are.
  bool make_up_output() const;
  // On the rank that wrote the index: removes the parts of the output that it replaced, and work kept for others. Warns
  // of what cannot be removed.
  void remove_replaced(Log& log) const;

 private:
  void take();
  // Parts that no index has ever named: of other runs that were killed before all of theirs were there.
  std::vector<fs::path> orphans() const;

  fs::path output_, folder_;
  std::string kind_;
  int n_ranks_;
  PartsAt parts_at_;
  std::unique_ptr<FolderLock> lock_;  // rank 0's
  std::vector<fs::path> replaced_;    // the parts of the output as it was when the folder was taken
};

}  // namespace hearth::tools
