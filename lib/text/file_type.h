// SPDX-License-Identifier: Apache-2.0
// What a file is, by its name and its first lines: prose, Markdown, HTML, records, or code of which language.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::text {

enum class FileType : std::uint8_t {
  text,
  markdown,
  html,
  code,
  jsonl,
  notebook,
  pdf,
  docx,
  pptx,
  xlsx,
  odt,
  odp,
  ods,
  epub,
  man,
  rst,
  latex,
  rtf,
};
std::string_view name_of(FileType type);  // "text", "markdown", ...: as above

struct TypeAndLanguage {
  FileType type = FileType::text;
  std::string_view language;  // of code; otherwise empty
};

// file_name is the last part of the path, without ".gz", ".zst" and the like. text is the decoded beginning, or all of it.
TypeAndLanguage file_type(std::string_view file_name, std::string_view text);

// True for names that hold one JSON object a line: *.jsonl, *.ndjson. Decided before reading, for such files stream.
bool is_jsonl_name(std::string_view file_name);

// "docs/a.txt.gz" is about "a.txt": the last part of path without a compression suffix.
std::string_view plain_file_name(std::string_view path);
bool has_compression_suffix(std::string_view path);

// The license a comment near the top names ("SPDX-License-Identifier: ..."), or "".
std::string spdx_license(std::string_view text);

}  // namespace hearth::text
