// SPDX-License-Identifier: Apache-2.0
// The files of a repository in an order for reading: each behind those it imports, as near behind them as may be, so
// that what a model reads has been defined before.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/code/imports.h"

namespace hearth::text::code {

// What references of files mean in one repository.
class FileIndex {
 public:
  // paths: from the top of the repository, sorted and different from one another; they outlive this.
  explicit FileIndex(const std::vector<std::string>& paths);
  ~FileIndex();
  // The files that file needs, each once, without itself, in the order of the references.
  std::vector<std::uint32_t> needs(std::uint32_t file, const std::vector<Reference>& references) const;

 private:
  struct Tables;
  std::vector<std::uint32_t> meaning(std::string_view path, const Reference& reference) const;

  const std::vector<std::string>& paths_;
  std::unique_ptr<Tables> tables_;
};

// A depth-first walk: files by number (the order of their paths), before each those it needs that have not come yet. In
// a cycle the file that the walk met first comes last.
std::vector<std::uint32_t> dependency_order(const std::vector<std::vector<std::uint32_t>>& needs);

}  // namespace hearth::text::code
