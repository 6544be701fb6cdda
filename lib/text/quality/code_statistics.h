// SPDX-License-Identifier: Apache-2.0
// What the rules on code want to know of a file: line lengths, kinds of characters, comments.
#pragma once
#include <cstdint>
#include <string_view>

namespace hearth::text {

struct CodeStatistics {
  std::uint64_t n_characters = 0, n_lines = 0, longest_line = 0;  // lines in characters, line feeds not counted
  std::uint64_t n_letters = 0, n_alphanumeric = 0;
  double comment_share = -1;   // of all bytes; -1: not a language whose comments are known (python, java, javascript)
  bool begins_as_xml = false;  // "<?xml version=" in the first 100 bytes
  bool data = false;           // JSON or YAML
};

// language as in lib/text/languages.h.
CodeStatistics measure_code(std::string_view text, std::string_view language);

}  // namespace hearth::text
