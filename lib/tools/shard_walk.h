// SPDX-License-Identifier: Apache-2.0
// The files that inputs name, one after another in an order that depends on names alone. Folders are read one at a
// time, so memory holds the listings between the root and the current file, however many files there are.
#pragma once
#include <sys/stat.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/text/stage.h"

namespace hearth::tools::shard {

struct FoundFile {
  std::filesystem::path path;
  std::string source;            // where a document says it is from: the root's last name, then the path below it
  std::uint64_t bytes = 0;       // its size in the file system
  std::int64_t modified_ns = 0;  // when it was last written, since 1970
  std::size_t root = 0;          // which of roots() it was found under
  std::string repository;        // the beginning of source, up to the top of the source tree it is of; ".": nothing
  std::optional<text::Rejection> problem;  // cannot be read: "missing", "unreadable", "path-too-long", "special-file"
};

std::uint64_t size_of(const struct stat& status);
std::int64_t modified_ns_of(const struct stat& status);

// What a walk passes by without naming it.
struct Skipped {
  std::uint64_t hidden = 0;    // names that begin with a dot, version control and caches of build tools, with all below
  std::uint64_t symlinks = 0;  // inside folders: not followed, so there are no loops and nothing comes twice
  std::uint64_t special = 0;   // sockets, pipes, devices inside folders
  std::uint64_t ignored = 0;   // what a .gitignore file names, with all below
};

class InputWalk {
 public:
  // inputs: files and folders; "-" is a list of such on standard input, one a line. files_from: a file with such a
  // list, or "-"; empty: none. output is passed by, and the files and folders beside it while it is made. Throws
  // Error{missing} for an input not there; what a list names and is not there is found with its problem. gitignore:
  // .gitignore files in the folders walked say what is passed by; those above the inputs are not looked at.
  InputWalk(std::vector<std::string> inputs, const std::string& files_from, std::filesystem::path output,
            bool gitignore = true);
  ~InputWalk();
  InputWalk(const InputWalk&) = delete;
  InputWalk& operator=(const InputWalk&) = delete;

  // A source tree is the topmost folder that version control or a build system marks as one, else the input itself;
  // files that are named one by one are of one together.
  std::optional<FoundFile> next();
  const Skipped& skipped() const { return skipped_; }
  const std::vector<std::string>& roots() const { return roots_; }  // inputs, then the list

 private:
  struct Folder;

  std::optional<FoundFile> open_root(const std::string& path, bool listed);
  std::optional<FoundFile> enter_folder(FoundFile folder);
  std::optional<FoundFile> next_below();
  bool is_ignored(const std::string& name, bool is_folder) const;
  bool is_of_output(const std::filesystem::path& path) const;
  std::optional<std::string> next_listed();

  std::vector<std::string> roots_;
  std::filesystem::path output_;
  std::size_t root_ = 0;  // of roots_, the one being walked
  bool root_begun_ = false;
  std::FILE* list_ = nullptr;    // of the root being walked, when it is a list
  std::size_t list_root_;        // the index in roots_ of files_from
  std::vector<Folder> folders_;  // from the root to the current one
  Skipped skipped_;
  bool gitignore_;
};

}  // namespace hearth::tools::shard
