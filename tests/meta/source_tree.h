// SPDX-License-Identifier: Apache-2.0
// The repository as the meta tests see it: its text files, and C++ with comments and literals blanked out so that what
// is left can be searched without being fooled by prose.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::meta {

struct SourceFile {
  std::string path;  // from the root: "lib/nn/moe.cpp"
  std::string text;
  std::string extension() const;  // ".cpp"; of "Makefile" and ".ci/run": ""
  bool is_cpp() const;
  bool is_header() const { return extension() == ".h" || extension() == ".cuh"; }
};

// All text files below root but for what .gitignore names, hidden folders (.ci apart) and golden data.
std::vector<SourceFile> source_tree(const std::filesystem::path& root);

// The text with comments (and literals) replaced by spaces, line for line.
std::string without_comments(std::string_view text);
std::string code_only(std::string_view text);

std::vector<std::string> lines_of(std::string_view text);

// "path:line: message".
std::string finding(const SourceFile& file, std::size_t line, const std::string& message);

}  // namespace hearth::meta
