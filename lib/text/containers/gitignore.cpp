// SPDX-License-Identifier: Apache-2.0
#include "lib/text/containers/gitignore.h"

#include <algorithm>

namespace hearth::text {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::size_t longest_glob = 1024;
constexpr std::size_t most_patterns = 10'000;

// Whether the class at glob[at] ("[a-z]", "[!x]") holds c; moves at behind it. A class that never closes is a bracket.
bool in_class(std::string_view glob, std::size_t& at, char c) {
  const std::size_t open = at;
  std::size_t i = at + 1;
  const bool negated = i < glob.size() && (glob[i] == '!' || glob[i] == '^');
  if (negated) ++i;
  bool found = false;
  for (const std::size_t first = i; i < glob.size() && (glob[i] != ']' || i == first); ++i) {
    if (glob[i] == '\\' && i + 1 < glob.size()) ++i;
    const auto low = static_cast<unsigned char>(glob[i]);
    auto high = low;
    if (i + 2 < glob.size() && glob[i + 1] == '-' && glob[i + 2] != ']') {
      i += 2;
      high = static_cast<unsigned char>(glob[i]);
    }
    const auto value = static_cast<unsigned char>(c);
    found = found || (value >= low && value <= high);
  }
  if (i >= glob.size()) {
    at = open + 1;
    return c == '[';
  }
  at = i + 1;
  return found != negated && c != '/';
}

// Whether one unit of the glob at g fits c; moves g behind it.
bool fits_one(std::string_view glob, std::size_t& g, char c) {
  if (glob[g] == '?') {
    ++g;
    return c != '/';
  }
  if (glob[g] == '[') return in_class(glob, g, c);
  if (glob[g] == '\\' && g + 1 < glob.size()) ++g;
  return glob[g++] == c;
}

}  // namespace

// Greedy, with one place to come back to for "*" and one for "**": a later one of the same kind replaces the earlier.
bool fits_glob(std::string_view glob, std::string_view path) {
  std::size_t g = 0, p = 0;
  std::size_t star_g = npos, star_p = 0, deep_g = npos, deep_p = 0;
  while (p < path.size() || g < glob.size()) {
    if (g < glob.size() && glob[g] == '*') {
      const bool at_begin = g == 0 || glob[g - 1] == '/';
      if (at_begin && glob.substr(g, 3) == "**/") {
        star_g = npos;
        deep_g = g += 3;
        deep_p = p;
        continue;
      }
      if (at_begin && glob.substr(g) == "**") return p < path.size();
      while (g < glob.size() && glob[g] == '*') ++g;
      star_g = g;
      star_p = p;
      continue;
    }
    std::size_t next = g;
    if (p < path.size() && g < glob.size() && fits_one(glob, next, path[p])) {
      g = next;
      ++p;
      continue;
    }
    if (star_g != npos && star_p < path.size() && path[star_p] != '/') {
      g = star_g;
      p = ++star_p;
      continue;
    }
    const std::size_t slash = deep_g == npos ? npos : path.find('/', deep_p);
    if (slash == npos) return false;
    star_g = npos;
    g = deep_g;
    p = deep_p = slash + 1;
  }
  return true;
}

GitIgnore::GitIgnore(std::string_view file) {
  while (!file.empty() && patterns_.size() < most_patterns) {
    const std::size_t end = std::min(file.find('\n'), file.size());
    std::string_view line = file.substr(0, end);
    file.remove_prefix(std::min(end + 1, file.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    while (line.ends_with(' ') && !line.ends_with("\\ ")) line.remove_suffix(1);
    if (line.starts_with('#')) continue;
    Pattern pattern;
    if (line.starts_with('!')) {
      pattern.negated = true;
      line.remove_prefix(1);
    }
    if (line.ends_with('/')) {
      pattern.folders_only = true;
      line.remove_suffix(1);
    }
    pattern.anywhere = line.find('/') == npos;
    if (line.starts_with('/')) line.remove_prefix(1);
    if (line.empty() || line.size() > longest_glob) continue;
    pattern.glob = line;
    patterns_.push_back(std::move(pattern));
  }
}

std::optional<bool> GitIgnore::ignores(std::string_view path, bool is_folder) const {
  const std::string_view name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  for (auto pattern = patterns_.rbegin(); pattern != patterns_.rend(); ++pattern) {
    if (pattern->folders_only && !is_folder) continue;
    if (fits_glob(pattern->glob, pattern->anywhere ? name : path)) return !pattern->negated;
  }
  return std::nullopt;
}

}  // namespace hearth::text
