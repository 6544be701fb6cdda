// SPDX-License-Identifier: Apache-2.0
#include "tests/meta/source_tree.h"

#include <algorithm>
#include <set>

#include "lib/base/file.h"
#include "lib/base/text.h"

namespace hearth::meta {
namespace {

// The folders .gitignore names as "/name/".
std::set<std::string> ignored_folders(const fs::path& root) {
  std::set<std::string> names;
  if (!fs::exists(root / ".gitignore")) return names;
  for (const std::string& line : lines_of(read_file(root / ".gitignore"))) {
    if (line.size() > 2 && line.front() == '/' && line.back() == '/') names.insert(line.substr(1, line.size() - 2));
  }
  return names;
}

bool is_data(const fs::path& path) {
  static const std::set<std::string> code{".cpp", ".h", ".cu", ".cuh", ".sh", ".py", ".cmake", ".md", ".txt", ".in", ""};
  const std::string text = path.generic_string();
  if (text.find("/golden/") != std::string::npos && path.extension() != ".py" && path.extension() != ".sh") return true;
  return !code.contains(path.extension().string());
}

// Blanks comments, and literals too when asked; newlines stay.
std::string blanked(std::string_view text, bool literals) {
  std::string out(text);
  const auto blank = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < std::min(end, out.size()); ++i) {
      if (out[i] != '\n') out[i] = ' ';
    }
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    std::size_t end = i;
    if (rest.starts_with("//")) {
      end = std::min(text.find('\n', i), text.size());
      blank(i, end);
    } else if (rest.starts_with("/*")) {
      end = text.find("*/", i + 2);
      end = end == std::string_view::npos ? text.size() : end + 2;
      blank(i, end);
    } else if (rest.starts_with("R\"")) {
      const std::size_t open = text.find('(', i);
      const std::string close = ")" + std::string(text.substr(i + 2, open - i - 2)) + "\"";
      end = std::min(text.find(close, open), text.size() - close.size()) + close.size();
      if (literals) blank(i, end);
    } else if (text[i] == '"' || (text[i] == '\'' && (i == 0 || !std::isalnum(static_cast<unsigned char>(text[i - 1]))))) {
      end = i + 1;
      while (end < text.size() && text[end] != text[i] && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, text.size());
      if (literals) blank(i + 1, end - 1);
    }
    if (end > i) i = end - 1;
  }
  return out;
}

}  // namespace

std::string SourceFile::extension() const { return fs::path(path).extension().string(); }

bool SourceFile::is_cpp() const {
  const std::string kind = extension();
  return kind == ".cpp" || kind == ".h" || kind == ".cu" || kind == ".cuh";
}

std::vector<SourceFile> source_tree(const fs::path& root) {
  const std::set<std::string> ignored = ignored_folders(root);
  std::vector<SourceFile> files;
  for (auto at = fs::recursive_directory_iterator(root); at != fs::recursive_directory_iterator(); ++at) {
    const std::string name = at->path().filename().string();
    const bool hidden = name.front() == '.' && name != ".ci";
    if (at->is_directory() && (hidden || name == "__pycache__" || (at.depth() == 0 && ignored.contains(name)))) {
      at.disable_recursion_pending();
      continue;
    }
    const std::string path = fs::relative(at->path(), root).generic_string();
    if (!at->is_regular_file() || hidden || is_data(path) || name == "LICENSE" || name == "VERSION") continue;
    files.push_back({path, read_file(at->path())});
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

std::string without_comments(std::string_view text) { return blanked(text, false); }
std::string code_only(std::string_view text) { return blanked(text, true); }

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines = split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::string finding(const SourceFile& file, std::size_t line, const std::string& message) {
  return file.path + ":" + std::to_string(line) + ": " + message;
}

}  // namespace hearth::meta
