// SPDX-License-Identifier: Apache-2.0
// Where the ranks of a run put the parts of an output, behind its index: OUTPUT.parts/KIND-00002-of-00008.h5. KIND
// tells runs apart that would give other contents, so that an output that is replaced stays whole until the new one is,
// and work that was kept for other options or ranks is not taken for this run's.
#pragma once
#include <string>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/comm/communicator.h"

namespace hearth::tools {

class RankParts {
 public:
  // plan: all that decides the content, the number of ranks included.
  RankParts(const fs::path& output, const Json& plan, int n_ranks);

  // Collective: makes the folder. Throws Error{cannot_create} on every rank when it cannot be made, or when a rank does
  // not see what the first one made.
  void make_folder(comm::Communicator& world) const;
  fs::path of(int rank) const;
  std::vector<fs::path> all() const;
  // What else lies in the folder: parts and kept work of runs that this output replaces.
  void remove_strangers() const;

 private:
  fs::path folder_;
  std::string kind_;
  int n_ranks_;
};

}  // namespace hearth::tools
