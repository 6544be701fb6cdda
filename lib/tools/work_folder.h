// SPDX-License-Identifier: Apache-2.0
// OUTPUT.work, the folder beside an output where a tool keeps what it has done so far, in segments, so that an
// interrupted run goes on behind its last one. A segment is some files NNNNNN.KIND and NNNNNN.json, written last, which
// makes it count and says where the tool stood after it.
#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "lib/base/file.h"
#include "lib/base/json.h"

namespace hearth::tools {

class WorkFolder {
 public:
  // Takes the folder, or goes on with one that was begun for the same plan: a JSON object of all that decides the
  // result. resume: "auto", "never" (starts over) or "must". Throws Error{config} when it was begun for another plan,
  // Error{missing} when there is nothing that "must" be resumed, Error{cannot_create} when another process works in it
  // or it holds other things.
  WorkFolder(const fs::path& output, const Json& plan, const std::string& resume);

  const fs::path& path() const { return path_; }
  const std::string& lock_problem() const { return lock_->problem(); }  // FolderLock's, until remove()
  fs::path file(std::size_t segment, const char* kind) const;
  std::size_t n_segments() const { return n_segments_; }
  std::string position() const;  // after the last whole segment, as JSON text; "" before the first
  void end_segment(const Json& position);
  void finishing() const;  // just before the output gets its name: from now on, where it has it, it is complete
  void remove();           // when the output is complete

  // True when a run for this plan completed the output and was killed before it removed its folder.
  static bool is_finished(const fs::path& output, const Json& plan);
  // The same, and removes the folder.
  static bool remove_finished(const fs::path& output, const Json& plan);

 private:
  fs::path path_;
  std::optional<FolderLock> lock_;
  std::size_t n_segments_ = 0;
};

}  // namespace hearth::tools
