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
  bool data_lines = false;     // of a language for data, of which StarCoder2 takes short files alone
  bool generated = false;      // one of the first five lines says that the file was generated
  bool vendored = false;       // a lockfile, or in a folder of other people's code, or minified by its name
  std::uint64_t encoded_characters = 0, longest_encoded = 0;  // in runs of base64, hexadecimal or \u escapes
};

// language as in lib/text/languages.h; source: the document's, its path.
CodeStatistics measure_code(std::string_view text, std::string_view language, std::string_view source);

// encoded_data.cpp: what the statistics want of data written into code, and of marks of other people's and of
// programs' code.
void measure_encoded(std::string_view text, CodeStatistics& code);
bool says_generated(std::string_view text);
bool is_vendored(std::string_view source);

}  // namespace hearth::text
