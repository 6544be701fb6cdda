// SPDX-License-Identifier: Apache-2.0
// Finds functions by their braces: enough for measuring their length in code formatted as ours is.
#include <regex>

#include "lib/base/text.h"
#include "tests/meta/checks.h"

namespace hearth::meta {
namespace {

// What the text before a '{' opens.
enum class Opens { scope, function, other };

Opens opened_by(const std::string& head) {
  static const std::regex scope(R"(^(?:template\s*<.*>\s*)?(?:inline\s+)?(?:namespace|class|struct|union|extern)\b)");
  static const std::regex enumeration(R"(^enum\b)");
  static const std::regex initialiser(R"((?:^|[^=!<>])=\s*(?:[\w:<>,\s*&]*)$)");
  if (std::regex_search(head, enumeration)) return Opens::other;
  if (std::regex_search(head, scope) && !std::regex_search(head, std::regex(R"(\)\s*(?:const|noexcept|override)*\s*$)"))) {
    return Opens::scope;
  }
  if (head.find(')') == std::string::npos || std::regex_search(head, initialiser)) return Opens::other;
  return Opens::function;
}

// Preprocessor lines blanked: their braces and conditions are not ours to balance.
std::string without_directives(std::string text) {
  bool continued = false;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = std::string_view(text).substr(start, end - start);
    const bool directive = continued || trim(line).starts_with("#");
    continued = directive && trim(line).ends_with("\\");
    if (directive) std::fill(text.begin() + static_cast<long>(start), text.begin() + static_cast<long>(end), ' ');
    start = end + 1;
  }
  return text;
}

}  // namespace

std::vector<Function> functions_of(std::string_view source) {
  const std::string text = without_directives(code_only(source));
  std::vector<Function> found;
  std::string head;
  std::size_t line = 1, head_line = 1;
  int skip_depth = 0;  // open braces inside a function or an initialiser
  bool in_function = false;
  for (const char c : text) {
    if (c == '\n') ++line;
    if (skip_depth > 0) {
      skip_depth += (c == '{') - (c == '}');
      if (skip_depth == 0 && in_function) found.back().n_lines = line - found.back().first_line + 1;
      if (skip_depth == 0) head.clear();
    } else if (c == '{') {
      const Opens opens = opened_by(std::string(trim(head)));
      in_function = opens == Opens::function;
      if (in_function) found.push_back({std::string(trim(head)), head_line, 0});
      skip_depth = opens == Opens::scope ? 0 : 1;
      head.clear();
    } else if (c == ';' || c == '}') {
      head.clear();
    } else if (!head.empty() || !std::isspace(static_cast<unsigned char>(c))) {
      if (head.empty()) head_line = line;
      head += c == '\n' ? ' ' : c;
    }
  }
  return found;
}

}  // namespace hearth::meta
