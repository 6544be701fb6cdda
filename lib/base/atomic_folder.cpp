// SPDX-License-Identifier: Apache-2.0
#include "lib/base/atomic_folder.h"

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/file.h"

namespace hearth {
namespace {

fs::path without_slash(fs::path path) {
  return path.has_filename() ? path : path.parent_path();
}

fs::path with_suffix(const fs::path& path, const char* suffix) {
  return path.string() + suffix;
}

constexpr const char* lock_name = ".lock";  // FolderLock's

void sync_all(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    entry.is_directory() ? sync_folder(entry.path()) : sync_file(entry.path());
  }
  sync_folder(folder);
}

void rename_or_throw(const fs::path& from, const fs::path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0)
    throw Error(Kind::cannot_create, system_error(to.string(), errno).what());
}

}  // namespace

void AtomicFolder::require_creatable(const fs::path& given, bool overwrite, const std::string& mark) {
  const fs::path path = without_slash(given);
  hearth::require_creatable(path, overwrite);
  if (!fs::exists(fs::symlink_status(path))) return;
  if (!fs::is_directory(fs::symlink_status(path)) || !fs::exists(path / mark)) {
    throw Error(Kind::cannot_create, path.string() + ": exists and holds no " + mark +
                                         ", so it is not what --overwrite may replace; name another folder by -o");
  }
}

AtomicFolder::AtomicFolder(fs::path path, bool overwrite, const std::string& mark)
    : path_(without_slash(std::move(path))), partial_(with_suffix(path_, ".partial")), overwrite_(overwrite) {
  require_creatable(path_, overwrite_, mark);
  std::error_code failed;
  fs::create_directory(partial_, failed);
  if (failed) throw Error(Kind::cannot_create, partial_.string() + ": " + failed.message());
  lock_.emplace(partial_);
  for (const fs::directory_entry& entry : fs::directory_iterator(partial_)) {
    if (entry.path().filename() != lock_name) fs::remove_all(entry.path());
  }
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(partial_, ignored);
}

void AtomicFolder::commit() {
  fs::remove(partial_ / lock_name);
  sync_all(partial_);
  const fs::path old = with_suffix(path_, ".replaced");
  const bool replaces = fs::exists(fs::symlink_status(path_));
  if (replaces && !overwrite_) hearth::require_creatable(path_, false);
  if (replaces) rename_or_throw(path_, old);
  rename_or_throw(partial_, path_);
  committed_ = true;
  sync_folder(path_.has_parent_path() ? path_.parent_path() : fs::path("."));
  std::error_code ignored;
  if (replaces) fs::remove_all(old, ignored);
}

}  // namespace hearth
