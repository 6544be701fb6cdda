// SPDX-License-Identifier: Apache-2.0
// The patterns of a .gitignore file, as gitignore(5) reads them.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::text {

class GitIgnore {
 public:
  explicit GitIgnore(std::string_view file);
  bool empty() const { return patterns_.empty(); }

  // What the last pattern that fits says of a path below the file's folder ("a/b.txt", no slash at the ends): true to
  // ignore it, false not to ("!"); nothing when none fits. Costs time in proportion to patterns times path.
  std::optional<bool> ignores(std::string_view path, bool is_folder) const;

 private:
  struct Pattern {
    std::string glob;
    bool negated = false, folders_only = false;
    bool anywhere = false;  // without a slash inside: fits the last name alone
  };
  std::vector<Pattern> patterns_;
};

// "*" and "?" fit no slash, "**/" any folders, "/**" all below, "[a-z]" one character; "\" takes the next literally.
bool fits_glob(std::string_view glob, std::string_view path);

}  // namespace hearth::text
