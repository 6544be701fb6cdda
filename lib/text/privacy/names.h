// SPDX-License-Identifier: Apache-2.0
// Names of a list, found in text as whole words: as they are spelled in the list, or all in capitals. A space in a name
// stands for white space with at most one line end. Where a script writes no spaces (ideographs, kana) a name may begin
// and end anywhere.
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/text/privacy/finding.h"

namespace hearth::text::privacy {

class NameList {
 public:
  // Names of valid UTF-8; brought into NFC, white space at both ends taken off, empty ones passed by.
  explicit NameList(const std::vector<std::string>& names);
  // One name a line; lines that begin with # are comments. Throws Error{missing}; Error{data} for a line that is not
  // UTF-8, or a file without a name.
  static NameList read(const std::filesystem::path& path);

  // Appends what it finds, in order of place; of several names that begin at one place the longest.
  void find(std::string_view text, std::vector<Finding>& found) const;
  std::size_t size() const { return n_names_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const { return std::hash<std::string_view>()(word); }
  };
  void add(std::string name);

  std::unordered_map<std::string, std::vector<std::string>, Hash, std::equal_to<>> by_first_word_;
  std::array<bool, 256> first_byte_{};
  std::size_t n_names_ = 0;
};

}  // namespace hearth::text::privacy
