// SPDX-License-Identifier: Apache-2.0
// The programming, markup and data languages known by file name or by the program a script names in its first line.
// Data only: which rule wins is decided in file_type.cpp.
#pragma once
#include <span>
#include <string_view>

namespace hearth::text {

struct Language {
  std::string_view name;          // "c++"
  std::string_view extensions;    // separated by spaces, lower case, without the dot
  std::string_view file_names;    // whole names, as "Makefile"
  std::string_view interpreters;  // of "#!", without version numbers
};

std::span<const Language> languages();

// The name of the language, or "" for none.
std::string_view language_of_extension(std::string_view lower_case_extension);
std::string_view language_of_file_name(std::string_view name);
std::string_view language_of_interpreter(std::string_view program);  // "python3.11" counts as "python"
// The spelling of the table for a name written by people: "C++", "cpp" and "c++" are one.
std::string_view language_of_mode(std::string_view mode);

}  // namespace hearth::text
