// SPDX-License-Identifier: Apache-2.0
// A folder that appears only when it is complete, as AtomicFile for files.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "lib/base/file.h"

namespace hearth {

// Built as "NAME.partial", synced and renamed to NAME by commit(); removed again when never committed. It is locked
// while it is built: a second writer gets Error{cannot_create}; one that a killed run left is emptied and used.
class AtomicFolder {
 public:
  // Throws Error{cannot_create} when path exists and overwrite is false, or when it cannot be created. With overwrite
  // what stands at path must hold `mark`, a file that shows it to be of the kind that is to be replaced (nothing else
  // is ever deleted).
  AtomicFolder(std::filesystem::path path, bool overwrite, const std::string& mark);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  const std::filesystem::path& partial_path() const { return partial_; }
  const std::string& lock_problem() const { return lock_->problem(); }  // FolderLock's
  void commit();  // Error{io} when syncing fails, Error{cannot_create} when path came to be meanwhile

  // The constructor's checks without its effects.
  static void require_creatable(const std::filesystem::path& path, bool overwrite, const std::string& mark);

 private:
  std::filesystem::path path_, partial_;
  std::optional<FolderLock> lock_;
  bool overwrite_ = false;
  bool committed_ = false;
};

}  // namespace hearth
