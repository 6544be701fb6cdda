// SPDX-License-Identifier: Apache-2.0
#include "lib/text/quality/code_statistics.h"

#include <algorithm>

#include "lib/text/encoding.h"
#include "lib/text/quality/words.h"

namespace hearth::text {
namespace {

// Behind the string literal that begins at text[at]; unterminated ones end with their line.
std::size_t skip_string(std::string_view text, std::size_t at) {
  const char quote = text[at++];
  while (at < text.size() && text[at] != quote && text[at] != '\n') at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

std::size_t end_of(std::string_view text, std::size_t at, std::string_view mark) {
  const std::size_t found = text.find(mark, at);
  return found == std::string_view::npos ? text.size() : found + mark.size();
}

// Python: "#" to the end of its line, and strings in three quotes (docstrings).
std::uint64_t python_comments(std::string_view text) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    std::size_t end = at + 1;
    if (rest.starts_with("\"\"\"") || rest.starts_with("'''")) {
      end = end_of(text, at + 3, rest.substr(0, 3));
      sum += end - at;
    } else if (rest.front() == '#') {
      end = end_of(text, at, "\n");
      sum += end - at;
    } else if (rest.front() == '"' || rest.front() == '\'') {
      end = skip_string(text, at);
    }
    at = end;
  }
  return sum;
}

// Java and JavaScript: two slashes to the end of the line, and slash-star blocks.
std::uint64_t c_comments(std::string_view text) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    std::size_t end = at + 1;
    if (rest.starts_with("//") || rest.starts_with("/*")) {
      end = rest[1] == '/' ? end_of(text, at, "\n") : end_of(text, at + 2, "*/");
      sum += end - at;
    } else if (rest.front() == '"' || rest.front() == '\'') {
      end = skip_string(text, at);
    }
    at = end;
  }
  return sum;
}

}  // namespace

CodeStatistics measure_code(std::string_view text, std::string_view language, std::string_view source) {
  CodeStatistics code;
  code.n_characters = count_characters(text);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (end - begin > code.longest_line)
      code.longest_line = std::max(code.longest_line, count_characters(text.substr(begin, end - begin)));
    ++code.n_lines;
    begin = end + 1;
  }
  const WordCounts words = split_words(text, nullptr);
  code.n_letters = words.n_letters;
  code.n_alphanumeric = words.n_letters + words.n_numbers;
  const auto share = [&](std::uint64_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(std::max<std::size_t>(text.size(), 1));
  };
  if (language == "python") code.comment_share = share(python_comments(text));
  if (language == "java" || language == "javascript") code.comment_share = share(c_comments(text));
  code.begins_as_xml = text.substr(0, 100).find("<?xml version=") != std::string_view::npos;
  code.data = language == "json" || language == "yaml";
  code.data_lines = code.data || language == "xml" || language == "graphviz";
  code.generated = says_generated(text);
  code.vendored = is_vendored(source);
  measure_encoded(text, code);
  return code;
}

}  // namespace hearth::text
