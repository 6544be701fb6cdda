// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_walk.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/text/containers/gitignore.h"
#include "lib/text/containers/names.h"
#include "lib/tools/shard_read.h"

namespace hearth::tools::shard {
namespace {

text::Rejection problem_of(const std::error_code& error) {
  if (error == std::errc::filename_too_long) return {"path-too-long", "the system opens no path as long as this one"};
  const bool missing = error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
  return {missing ? "missing" : "unreadable", error.message()};
}

text::Rejection problem_of_errno() {
  return problem_of(std::error_code(errno, std::generic_category()));
}

void set_status(FoundFile& found, const struct stat& status) {
  found.bytes = size_of(status);
  found.modified_ns = modified_ns_of(status);
}

constexpr std::size_t largest_gitignore = 1u << 20;

// What lies at the top of a source tree.
constexpr const char* marks_of_trees[] = {
    ".git",        ".hg",          ".svn",         "BUILD.bazel",      "CMakeLists.txt", "Cargo.toml",   "Makefile",
    "WORKSPACE",   "_darcs",       "build.gradle", "build.gradle.kts", "configure",      "configure.ac", "go.mod",
    "meson.build", "package.json", "pom.xml",      "pyproject.toml",   "setup.py"};

bool is_marked(const std::vector<std::string>& sorted_names) {
  return std::any_of(std::begin(marks_of_trees), std::end(marks_of_trees), [&](const char* mark) {
    return std::binary_search(sorted_names.begin(), sorted_names.end(), mark);
  });
}

// "docs" of "docs/", "a/docs" and "/a/docs"; "" of "." and "/": the name under which a root's files are known.
std::string root_name(const fs::path& root) {
  const fs::path normal = (root / ".").lexically_normal().parent_path();
  const std::string name = normal.filename().string();
  return name == "." || name == ".." ? std::string() : name;
}

}  // namespace

std::uint64_t size_of(const struct stat& status) {
  return static_cast<std::uint64_t>(status.st_size);
}
std::int64_t modified_ns_of(const struct stat& status) {
  return status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
}

struct InputWalk::Folder {
  fs::path path;
  std::string source;              // with its closing slash
  std::vector<std::string> names;  // sorted
  std::size_t next = 0;
  std::string name;        // "" of an input
  text::GitIgnore ignore;  // what its .gitignore says of all below
  std::string repository = {};
  bool in_marked_tree = false;
};

InputWalk::InputWalk(std::vector<std::string> inputs, const std::string& files_from, fs::path output, bool gitignore)
    : roots_(std::move(inputs)),
      output_(fs::absolute(output).lexically_normal()),
      list_root_(roots_.size()),
      gitignore_(gitignore) {
  for (const std::string& input : roots_) {
    if (input == "-") continue;
    std::error_code error;
    if (!fs::exists(input, error)) {
      throw Error(Kind::missing, system_error(input, error ? error.value() : ENOENT).what());
    }
  }
  if (files_from.empty()) return;
  if (files_from != "-") require_readable(files_from);
  roots_.push_back(files_from);
}

InputWalk::~InputWalk() {
  if (list_ != nullptr && list_ != stdin) std::fclose(list_);
}

std::optional<FoundFile> InputWalk::next() {
  while (true) {
    if (auto found = next_below()) return found;
    if (list_ != nullptr) {
      const auto path = next_listed();
      if (!path) continue;
      if (auto found = open_root(*path, true)) return found;
      continue;
    }
    if (root_begun_) ++root_;
    root_begun_ = root_ < roots_.size();
    if (!root_begun_) return std::nullopt;
    const std::string& root = roots_[root_];
    if (root == "-") {
      list_ = stdin;
    } else if (root_ == list_root_) {
      list_ = std::fopen(root.c_str(), "rbe");
      if (list_ == nullptr) throw Error(Kind::missing, system_error(root, errno).what());
    } else if (auto found = open_root(root, false)) {
      return found;
    }
  }
}

// A file or folder that was named. A list's names are kept whole as sources, others cut to the last name.
std::optional<FoundFile> InputWalk::open_root(const std::string& path, bool listed) {
  const std::string name = listed ? fs::path(path).lexically_normal().string() : root_name(path);
  FoundFile found{.path = path, .source = text::printable_name(name), .root = root_, .repository = ".", .problem = {}};
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    found.problem = problem_of_errno();
    return found;
  }
  if (S_ISDIR(status.st_mode)) return enter_folder(std::move(found));
  if (!S_ISREG(status.st_mode)) {
    found.problem = {"special-file", "neither a file nor a folder"};
    return found;
  }
  set_status(found, status);
  return found;
}

// Lists a folder; what comes back is the folder itself, when it cannot be listed.
std::optional<FoundFile> InputWalk::enter_folder(FoundFile folder) {
  Folder listing{folder.path, folder.source.empty() ? "" : folder.source + "/", {}, 0, {}, text::GitIgnore("")};
  if (!folders_.empty()) listing.name = folder.path.filename().string();
  std::error_code error;
  for (fs::directory_iterator entry(folder.path, error), end; !error && entry != end; entry.increment(error)) {
    listing.names.push_back(entry->path().filename().string());
  }
  if (error) {
    folder.source = listing.source;
    folder.problem = problem_of(error);
    return folder;
  }
  std::sort(listing.names.begin(), listing.names.end());
  if (gitignore_ && std::binary_search(listing.names.begin(), listing.names.end(), ".gitignore")) {
    listing.ignore = text::GitIgnore(read_head(folder.path / ".gitignore", largest_gitignore));
  }
  const Folder* parent = folders_.empty() ? nullptr : &folders_.back();
  const bool below = parent != nullptr && parent->in_marked_tree;
  listing.in_marked_tree = below || is_marked(listing.names);
  const bool is_top = parent == nullptr || (listing.in_marked_tree && !below);
  listing.repository = !is_top ? parent->repository : listing.source.empty() ? "." : listing.source;
  folders_.push_back(std::move(listing));
  return std::nullopt;
}

// What the .gitignore nearest to the name says, of those that say something.
bool InputWalk::is_ignored(const std::string& name, bool is_folder) const {
  std::string path = name;
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
    if (!folder->ignore.empty()) {
      if (const auto ignored = folder->ignore.ignores(path, is_folder)) return *ignored;
    }
    path.insert(0, folder->name + "/");
  }
  return false;
}

// The output, or what lies beside it while it is made.
bool InputWalk::is_of_output(const fs::path& path) const {
  const std::string absolute = fs::absolute(path).lexically_normal().string();
  if (!absolute.starts_with(output_.native())) return false;
  const std::string behind = absolute.substr(output_.native().size());
  return behind.empty() || behind == ".partial" || behind == ".work" || behind == ".parts";
}

std::optional<FoundFile> InputWalk::next_below() {
  while (!folders_.empty()) {
    Folder& folder = folders_.back();
    if (folder.next == folder.names.size()) {
      folders_.pop_back();
      continue;
    }
    const std::string name = folder.names[folder.next++];
    if (text::is_passed_by(name)) {
      ++skipped_.hidden;
      continue;
    }
    FoundFile found{.path = folder.path / name,
                    .source = folder.source + text::printable_name(name),
                    .root = root_,
                    .repository = folder.repository,
                    .problem = {}};
    struct stat status {};
    if (::lstat(found.path.c_str(), &status) != 0) {
      found.problem = problem_of_errno();
      return found;
    }
    if (is_ignored(name, S_ISDIR(status.st_mode))) {
      ++skipped_.ignored;
    } else if (S_ISDIR(status.st_mode)) {
      if (is_of_output(found.path)) continue;
      if (auto unreadable = enter_folder(std::move(found))) return unreadable;
    } else if (S_ISLNK(status.st_mode)) {
      ++skipped_.symlinks;
    } else if (!S_ISREG(status.st_mode)) {
      ++skipped_.special;
    } else {
      if (is_of_output(found.path)) continue;
      set_status(found, status);
      return found;
    }
  }
  return std::nullopt;
}

// The next line of the list; nothing at its end, which closes it.
std::optional<std::string> InputWalk::next_listed() {
  std::string line;
  int c = 0;
  while ((c = std::getc(list_)) != EOF) {
    if (c != '\n') {
      line += static_cast<char>(c);
    } else if (!line.empty()) {
      return line;
    }
  }
  if (!line.empty()) return line;
  const bool failed = std::ferror(list_) != 0;
  if (list_ != stdin) std::fclose(list_);
  list_ = nullptr;
  if (failed) throw Error(Kind::io, roots_[root_] + ": the list of files cannot be read");
  return std::nullopt;
}

}  // namespace hearth::tools::shard
