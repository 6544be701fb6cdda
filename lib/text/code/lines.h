// SPDX-License-Identifier: Apache-2.0
// Small steps over the text of a source file, for the rules on imports.
#pragma once
#include <cstddef>
#include <string_view>

namespace hearth::text::code {

template <class Use>
void for_each_line(std::string_view text, Use use) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    use(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

constexpr bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80) != 0;
}

inline std::string_view skip_spaces(std::string_view text) {
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t')) text.remove_prefix(1);
  return text;
}

// Removes what from the beginning of text, if it stands there.
inline bool take(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

// The same of a whole word.
inline bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word) || (text.size() > word.size() && is_name_byte(text[word.size()]))) return false;
  text.remove_prefix(word.size());
  return true;
}

inline std::string_view take_name(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && is_name_byte(text[n])) ++n;
  const std::string_view name = text.substr(0, n);
  text.remove_prefix(n);
  return name;
}

}  // namespace hearth::text::code
