// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/rank_parts.h"

#include <algorithm>
#include <cstdio>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "lib/comm/agreement.h"

namespace hearth::tools {

RankParts::RankParts(const fs::path& output, const Json& plan, int n_ranks)
    : folder_(output.string() + ".parts"), kind_(sha256_hex(dump_json(plan)).substr(0, 12)), n_ranks_(n_ranks) {}

void RankParts::make_folder(comm::Communicator& world) const {
  if (world.rank() == 0) {
    std::error_code failed;
    fs::create_directories(folder_, failed);
    if (failed) throw Error(Kind::cannot_create, system_error(folder_.string(), failed.value()).what());
  }
  world.barrier();
  const std::int64_t blind = comm::largest(world, {fs::is_directory(folder_) ? -1 : world.rank()})[0];
  if (blind < 0) return;
  throw Error(Kind::cannot_create, folder_.string() + ": rank " + std::to_string(blind) +
                                       " does not see what rank 0 made: the output must be on a file system that all "
                                       "nodes share");
}

fs::path RankParts::of(int rank) const {
  char name[64];
  std::snprintf(name, sizeof name, "%s-%05d-of-%05d.h5", kind_.c_str(), rank, n_ranks_);
  return folder_ / name;
}

std::vector<fs::path> RankParts::all() const {
  std::vector<fs::path> parts;
  for (int rank = 0; rank < n_ranks_; ++rank) parts.push_back(of(rank));
  return parts;
}

void RankParts::remove_strangers() const {
  const std::vector<fs::path> parts = all();
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename();
    const bool ours = std::any_of(parts.begin(), parts.end(), [&](const fs::path& part) {
      return entry.path() == part || entry.path() == part.string() + ".work";
    });
    if (ours) continue;
    if (name.ends_with(".h5") || name.ends_with(".h5.work")) fs::remove_all(entry.path());
  }
}

}  // namespace hearth::tools
