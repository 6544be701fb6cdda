// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/rank_parts.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/json_value.h"
#include "lib/comm/agreement.h"

namespace hearth::tools {
namespace {

// A part's name, or that of what it is made from.
struct PartName {
  char kind[13] = {};
  int rank = 0, n_ranks = 0;
  bool unfinished = false;  // ".partial", ".work"
};

std::optional<PartName> part_name(fs::path path) {
  PartName name;
  name.unfinished = path.extension() == ".work" || path.extension() == ".partial";
  if (name.unfinished) path.replace_extension();
  const std::string text = path.filename();
  int length = 0;
  const int n_read =
      std::sscanf(text.c_str(), "%12[0-9a-f]-%5d-of-%5d.h5%n", name.kind, &name.rank, &name.n_ranks, &length);
  if (n_read != 3 || static_cast<std::size_t>(length) != text.size()) return std::nullopt;
  return name;
}

bool is_one_of(const fs::path& path, const std::vector<fs::path>& paths) {
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

}  // namespace

RankParts::RankParts(const fs::path& output, const Json& plan, int n_ranks, PartsAt parts_at)
    : output_(output),
      folder_(output.string() + ".parts"),
      kind_(sha256_hex(dump_json(plan)).substr(0, 12)),
      n_ranks_(n_ranks),
      parts_at_(parts_at) {}

void RankParts::take() {
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed) throw Error(Kind::cannot_create, system_error(folder_.string(), failed.value()).what());
  lock_ = std::make_unique<FolderLock>(folder_);
  if (fs::exists(output_)) {
    try {
      for (const formats::Part& part : parts_at_(output_)) replaced_.push_back(part.path);
    } catch (const Error&) {
      // What cannot be read names no parts, and may be overwritten like anything else.
    }
  }
  for (const fs::path& orphan : orphans()) fs::remove(orphan, failed);
  if (fs::exists(output_)) return;
  const std::vector<fs::path> ours = all();
  for (const auto& entry : fs::directory_iterator(folder_, failed)) {
    if (entry.path().extension() != ".h5" || is_one_of(entry.path(), ours)) continue;
    throw Error(Kind::cannot_create, folder_.string() + ": holds parts of an index that is not here (" +
                                         entry.path().filename().string() + "): move them with it, or remove them");
  }
}

// A run removes its work folders once its index is there: where one is left and a part is not there, there was none.
std::vector<fs::path> RankParts::orphans() const {
  struct Run {
    std::set<int> whole;
    bool begun = false, named = false;
    std::vector<fs::path> files;
  };
  std::map<std::pair<std::string, int>, Run> runs;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder_, failed)) {
    const std::optional<PartName> name = part_name(entry.path());
    if (!name) continue;
    Run& run = runs[{name->kind, name->n_ranks}];
    if (!name->unfinished) run.whole.insert(name->rank);
    run.named = run.named || is_one_of(entry.path(), replaced_);
    if (entry.path().extension() == ".work")
      run.begun = true;
    else
      run.files.push_back(entry.path());
  }
  std::vector<fs::path> found;
  for (const auto& [of, run] : runs) {
    const bool own = of == std::pair(kind_, n_ranks_), whole = static_cast<int>(run.whole.size()) >= of.second;
    if (!own && !whole && run.begun && !run.named) found.insert(found.end(), run.files.begin(), run.files.end());
  }
  return found;
}

void RankParts::take_folder(comm::Communicator& world) {
  std::string problem;
  if (world.rank() == 0) {
    try {
      take();
    } catch (const Error& error) {
      problem = error.what();
    }
  }
  problem = comm::gathered_texts(world, problem)[0];
  if (!problem.empty()) throw Error(Kind::cannot_create, problem);
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

bool RankParts::make_up_output() const {
  try {
    std::vector<fs::path> named;
    for (const formats::Part& part : parts_at_(output_)) named.push_back(part.path);
    return named == all();
  } catch (const Error&) {
    return false;
  }
}

void RankParts::remove_replaced(Log& log) const {
  const std::vector<fs::path> ours = all();
  std::error_code failed;
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(folder_, failed)) {
    const fs::path& path = entry.path();
    fs::path part = path;
    const bool unfinished = path.extension() == ".work" || path.extension() == ".partial";
    if (unfinished) part.replace_extension();
    if (part.extension() != ".h5" || is_one_of(part, ours)) continue;
    if (unfinished || is_one_of(path, replaced_)) old.push_back(path);
  }
  for (const fs::path& path : old) {
    if (!failed) fs::remove_all(path, failed);
  }
  if (failed) log.warning(folder_.string() + ": what was replaced is not removed (" + failed.message() + ")");
}

}  // namespace hearth::tools
