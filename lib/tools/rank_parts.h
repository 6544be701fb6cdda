// SPDX-License-Identifier: Apache-2.0
// Where the ranks of a run put the parts of an output, behind its index: OUTPUT.parts/KIND-00002-of-00008.h5. KIND
// tells runs apart that would give other contents, so that an output that is replaced stays whole until the new one is,
// and work that was kept for other options or ranks is not taken for this run's.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>
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

  // Of a run whose output is one file: it has no parts, but may replace some.
  RankParts(const fs::path& output, PartsAt parts_at);

  // Of such a run: takes the folder if there is one. Throws Error{cannot_create} when another run writes there.
  void take_to_replace(Log& log);
  // Collective: makes the folder and takes it for this run. Throws Error{cannot_create} on every rank when it cannot be
  // made, when another run writes there, when a rank does not see what the first one made, or when it holds parts of an
  // index that is elsewhere: they are somebody's, and the new output would be mixed with them. Parts of killed runs for
  // other contents go; the work that was kept for them stays until this run's output is there. What changed within the
  // last 15 minutes may be of a run that is alive (a lock may hold on one node alone), and is left as it is.
  void take_folder(comm::Communicator& world, Log& log);
  fs::path of(int rank) const;
  std::vector<fs::path> all() const;
  // Whether the output is an index of these parts, as they are.
  bool make_up_output() const;
  // On the rank that wrote the output: removes the parts of the one that it replaced, and what runs have left that were
  // killed before their index was there and are not alive; of a run of one file also a folder that is empty then. Warns
  // of what stays.
  void remove_replaced(Log& log) const;

 private:
  using RunName = std::pair<std::string, int>;  // kind, number of ranks
  struct Run;

  void lock(Log& log);
  void take(Log& log);
  std::map<RunName, Run> other_runs() const;
  void remove_orphans(const RunName& of, const Run& run, Log& log) const;
  void remove_if_empty() const;
  std::string left_alone(const RunName& of, const Run& run) const;  // what to say of a run that may be alive

  fs::path output_, folder_;
  std::string kind_;
  int n_ranks_;
  PartsAt parts_at_;
  std::unique_ptr<FolderLock> lock_;  // rank 0's
  std::vector<fs::path> replaced_;    // the parts of the output as it was when the folder was taken
  bool replaces_ = false;             // an output was there then
};

}  // namespace hearth::tools
