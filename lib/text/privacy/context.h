// SPDX-License-Identifier: Apache-2.0
// What stands around a finding: ASCII classes of bytes, and whether words are mentioned near it. Bytes of other scripts
// are no word characters here, as a number may follow a Chinese word without a space.
#pragma once
#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace hearth::text::privacy {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_letter(char c) {
  return is_upper(c) || is_lower(c);
}
constexpr bool is_alnum(char c) {
  return is_letter(c) || is_digit(c);
}
constexpr bool is_hex(char c) {
  return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
constexpr bool is_quote(char c) {
  return c == '"' || c == '\'' || c == '`';
}
constexpr char lower(char c) {
  return is_upper(c) ? static_cast<char>(c | 0x20) : c;
}

// The byte at a place, or NUL outside the text.
constexpr char byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? text[at] : '\0';
}
constexpr char byte_before(std::string_view text, std::size_t at) {
  return at > 0 ? text[at - 1] : '\0';
}

// The part of the line in front of a place, at most so many bytes; and the line around it, likewise on each side.
std::string_view line_before(std::string_view text, std::size_t at, std::size_t most);
std::string_view line_around(std::string_view text, std::size_t begin, std::size_t end, std::size_t most);

// True when text holds one of words (lower-case ASCII), in any case; a part of a longer word counts.
bool mentions(std::string_view text, std::initializer_list<std::string_view> words);
// The same, but where a letter stands before or behind it does not count.
bool mentions_word(std::string_view text, std::initializer_list<std::string_view> words);

bool equal_ignoring_case(std::string_view text, std::string_view lower_word);
bool ends_ignoring_case(std::string_view text, std::string_view lower_word);

}  // namespace hearth::text::privacy
