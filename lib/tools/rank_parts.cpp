// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/rank_parts.h"

#include <algorithm>
#include <chrono>
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

// When path, or anything in it, last changed.
fs::file_time_type last_change(const fs::path& path) {
  std::error_code gone;  // meanwhile
  fs::file_time_type last = fs::file_time_type::min();
  const auto look = [&](const fs::path& at) {
    const fs::file_time_type time = fs::last_write_time(at, gone);
    if (!gone) last = std::max(last, time);
  };
  look(path);
  for (fs::recursive_directory_iterator entry(path, gone), end; !gone && entry != end; entry.increment(gone))
    look(entry->path());
  return last;
}

bool is_one_of(const fs::path& path, const std::vector<fs::path>& paths) {
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

}  // namespace

// What a run of other content or another number of ranks has in the folder.
struct RankParts::Run {
  std::set<int> whole;          // the ranks whose parts are there
  std::vector<fs::path> files;  // those, and what parts are being made of; without the work folders
  bool begun = false;           // a work folder is there
  bool ended = true;            // for certain: all its ranks were here
  bool named = false;           // by the output that is replaced
  fs::file_time_type changed = fs::file_time_type::min();

  std::chrono::minutes age() const {
    return std::chrono::duration_cast<std::chrono::minutes>(fs::file_time_type::clock::now() - changed);
  }
  // It may be alive whatever the lock says: on file systems whose locks hold on one node alone, two runs both get it.
  bool changed_lately() const { return begun && !ended && age() < lately; }
  static constexpr std::chrono::minutes lately{15};
};

RankParts::RankParts(const fs::path& output, const Json& plan, int n_ranks, PartsAt parts_at)
    : output_(output),
      folder_(output.string() + ".parts"),
      kind_(sha256_hex(dump_json(plan)).substr(0, 12)),
      n_ranks_(n_ranks),
      parts_at_(parts_at) {}

RankParts::RankParts(const fs::path& output, PartsAt parts_at)
    : output_(output), folder_(output.string() + ".parts"), n_ranks_(0), parts_at_(parts_at) {}

void RankParts::lock(Log& log) {
  lock_ = std::make_unique<FolderLock>(folder_);
  if (!lock_->problem().empty()) log.warning(lock_->problem());
  replaces_ = fs::exists(output_);
  if (!replaces_) return;
  try {
    for (const formats::Part& part : parts_at_(output_)) replaced_.push_back(part.path);
  } catch (const Error&) {
    // What cannot be read names no parts, and may be overwritten like anything else.
  }
}

void RankParts::take_to_replace(Log& log) {
  if (fs::is_directory(folder_)) lock(log);
}

void RankParts::take(Log& log) {
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed) throw Error(Kind::cannot_create, system_error(folder_.string(), failed.value()).what());
  lock(log);
  for (const auto& [of, run] : other_runs()) remove_orphans(of, run, log);
  if (fs::exists(output_)) return;
  const std::vector<fs::path> ours = all();
  for (const auto& entry : fs::directory_iterator(folder_, failed)) {
    if (entry.path().extension() != ".h5" || is_one_of(entry.path(), ours)) continue;
    throw Error(Kind::cannot_create, folder_.string() + ": holds parts of an index that is not here (" +
                                         entry.path().filename().string() + "): move them with it, or remove them");
  }
}

std::map<RankParts::RunName, RankParts::Run> RankParts::other_runs() const {
  std::map<RunName, Run> runs;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder_, failed)) {
    const std::optional<PartName> name = part_name(entry.path());
    if (!name || (name->kind == kind_ && name->n_ranks == n_ranks_)) continue;
    Run& run = runs[{name->kind, name->n_ranks}];
    if (!name->unfinished) run.whole.insert(name->rank);
    run.named = run.named || is_one_of(entry.path(), replaced_);
    run.changed = std::max(run.changed, last_change(entry.path()));
    if (entry.path().extension() == ".work") {
      run.begun = true;
      run.ended = run.ended && was_unlocked_here(entry.path());
    } else {
      run.files.push_back(entry.path());
    }
  }
  return runs;
}

// Parts that no index has ever named: a run removes its work folders once its index is there, so where one is left and
// a part is not there, there was none.
void RankParts::remove_orphans(const RunName& of, const Run& run, Log& log) const {
  if (!run.begun) return;
  if (run.changed_lately()) {
    if (run.whole.empty() || fs::exists(output_)) return log.warning(left_alone(of, run));
    throw Error(Kind::cannot_create, left_alone(of, run) + "; wait for it, or, if it was killed, start again " +
                                         std::to_string(Run::lately.count()) + " minutes after, or remove its files");
  }
  std::error_code failed;
  const bool whole = static_cast<int>(run.whole.size()) >= of.second;
  if (!lock_->problem().empty() || run.named || whole) return;
  for (const fs::path& file : run.files) fs::remove(file, failed);
}

std::string RankParts::left_alone(const RunName& of, const Run& run) const {
  const std::int64_t minutes = std::max<std::int64_t>(run.age().count(), 0);
  return folder_.string() + ": holds the work of another run of " + std::to_string(of.second) + " ranks (" + of.first +
         "), which last changed " + (minutes == 0 ? "less than 1" : std::to_string(minutes)) +
         (minutes < 2 ? " minute" : " minutes") + " ago: it may be alive, and is left as it is";
}

void RankParts::take_folder(comm::Communicator& world, Log& log) {
  std::string problem;
  if (world.rank() == 0) {
    try {
      take(log);
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

// Of a run that was begun and is not named no index was ever there, unless its parts are whole and the index was moved
// away since: not where another output was.
void RankParts::remove_replaced(Log& log) const {
  if (!lock_) return;
  const std::vector<fs::path> ours = all();
  const std::map<RunName, Run> runs = other_runs();
  const auto may_be_alive = [&](const Run& run) { return run.changed_lately() || !lock_->problem().empty(); };
  for (const auto& [of, run] : runs) {
    if (run.begun && may_be_alive(run)) log.warning(left_alone(of, run));
  }
  std::error_code failed;
  std::vector<fs::path> old, left;
  for (const auto& entry : fs::directory_iterator(folder_, failed)) {
    const fs::path& path = entry.path();
    fs::path part = path;
    const bool unfinished = path.extension() == ".work" || path.extension() == ".partial";
    if (unfinished) part.replace_extension();
    if (part.extension() != ".h5" || is_one_of(part, ours)) continue;
    bool goes = unfinished || is_one_of(path, replaced_);
    const std::optional<PartName> name = part_name(path);
    if (const auto found = name ? runs.find({name->kind, name->n_ranks}) : runs.end(); found != runs.end()) {
      const Run& run = found->second;
      const bool whole = static_cast<int>(run.whole.size()) >= name->n_ranks;
      if (may_be_alive(run) && !is_one_of(path, replaced_)) continue;
      goes = goes || (run.begun && !run.named && (replaces_ || !whole));
    }
    (goes ? old : left).push_back(path);
  }
  for (const fs::path& path : old) {
    if (!failed) fs::remove_all(path, failed);
  }
  if (failed) log.warning(folder_.string() + ": what was replaced is not removed (" + failed.message() + ")");
  if (!left.empty()) {
    log.warning(folder_.string() + ": holds parts that are not of " + output_.filename().string() + " (" +
                left.front().filename().string() + "), and are left as they are");
  }
  if (n_ranks_ == 0) remove_if_empty();
}

// While the lock is held.
void RankParts::remove_if_empty() const {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder_, failed)) {
    if (entry.path().filename() != ".lock") return;
  }
  fs::remove(folder_ / ".lock", failed);
  fs::remove(folder_, failed);
}

}  // namespace hearth::tools
