// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/work_folder.h"

#include <cstdio>

#include "lib/base/error.h"
#include "lib/base/json_value.h"

namespace hearth::tools {
namespace {

constexpr const char* plan_name = "plan.json";
constexpr const char* finished_name = "finished.json";  // the plan again; goes last

// The first key whose value differs, for a message.
std::string difference(const Json& before, const Json& now) {
  for (const auto& [key, value] : now.items()) {
    if (!before.contains(key)) return key;
    if (before[key] == value) continue;
    return value.is_object() && before[key].is_object() ? difference(before[key], value) : key;
  }
  return before.size() > now.size() ? "an option" : "";
}

}  // namespace

WorkFolder::WorkFolder(const fs::path& output, const Json& plan, const std::string& resume)
    : path_(output.string() + ".work") {
  const fs::path plan_path = path_ / plan_name;
  const bool begun = fs::exists(plan_path);
  if (!begun && fs::exists(path_) && !fs::is_empty(path_) && !fs::exists(path_ / ".lock")) {
    throw Error(Kind::cannot_create, path_.string() + ": is needed to work in, but holds other things; move it away");
  }
  if (resume == "must" && !begun) {
    throw Error(Kind::missing, path_.string() + ": no interrupted run to go on with (--resume auto starts one)");
  }
  std::error_code failed;
  fs::create_directory(path_, failed);
  if (failed) throw Error(Kind::cannot_create, system_error(path_.string(), failed.value()).what());
  lock_.emplace(path_);
  if (begun && resume != "never") {
    if (const std::string key = difference(read_json(plan_path), plan); !key.empty()) {
      throw Error(Kind::config, path_.string() + ": an interrupted run with another '" + key +
                                    "' is there; give its options again to go on, or --resume never to start over");
    }
    while (fs::exists(file(n_segments_, "json"))) ++n_segments_;
    return;
  }
  for (const auto& entry : fs::directory_iterator(path_)) {
    if (entry.path().filename() != ".lock") fs::remove(entry.path());
  }
  write_file(plan_path, dump_json(plan, 1) + "\n");
}

fs::path WorkFolder::file(std::size_t segment, const char* kind) const {
  char name[32];
  std::snprintf(name, sizeof name, "%06zu.%s", segment, kind);
  return path_ / name;
}

std::string WorkFolder::position() const {
  return n_segments_ == 0 ? std::string() : read_file(file(n_segments_ - 1, "json"));
}

void WorkFolder::end_segment(const Json& position) {
  write_file(file(n_segments_, "json"), dump_json(position) + "\n");
  ++n_segments_;
}

void WorkFolder::finishing() const {
  write_file(path_ / finished_name, read_file(path_ / plan_name));
}

void WorkFolder::remove() {
  lock_.reset();
  for (const auto& entry : fs::directory_iterator(path_)) {
    if (entry.path().filename() != finished_name) fs::remove_all(entry.path());
  }
  fs::remove_all(path_);
}

bool WorkFolder::is_finished(const fs::path& output, const Json& plan) {
  const fs::path finished = output.string() + ".work/" + finished_name;
  if (!fs::exists(output) || fs::exists(output.string() + ".partial") || !fs::exists(finished)) return false;
  return difference(read_json(finished), plan).empty();
}

bool WorkFolder::remove_finished(const fs::path& output, const Json& plan) {
  const fs::path folder = output.string() + ".work";
  if (!is_finished(output, plan)) return false;
  const FolderLock lock(folder);
  fs::remove_all(folder);
  return true;
}

}  // namespace hearth::tools
