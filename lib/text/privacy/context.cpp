// SPDX-License-Identifier: Apache-2.0
#include "lib/text/privacy/context.h"

#include <algorithm>
#include <cstdint>

namespace hearth::text::privacy {
namespace {

// Which letters text holds, a bit each: a word with a letter that is not among them need not be looked for.
std::uint32_t letters_of(std::string_view text) {
  std::uint32_t letters = 0;
  for (const char c : text) {
    if (is_letter(c)) letters |= std::uint32_t{1} << (c & 0x1f);
  }
  return letters;
}

// Calls test(begin, end) for each place where word stands in text; stops and says true when it does.
template <class Test>
bool any_place(std::string_view text, std::string_view word, Test test) {
  for (std::size_t at = 0; at + word.size() <= text.size(); ++at) {
    if (lower(text[at]) == word[0] && equal_ignoring_case(text.substr(at, word.size()), word) &&
        test(at, at + word.size())) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string_view line_before(std::string_view text, std::size_t at, std::size_t most) {
  std::size_t begin = at;
  while (begin > 0 && at - begin < most && text[begin - 1] != '\n') --begin;
  return text.substr(begin, at - begin);
}

std::string_view line_around(std::string_view text, std::size_t begin, std::size_t end, std::size_t most) {
  const std::size_t from = begin - line_before(text, begin, most).size();
  std::size_t to = end;
  while (to < text.size() && to - end < most && text[to] != '\n') ++to;
  return text.substr(from, to - from);
}

bool mentions(std::string_view text, std::initializer_list<std::string_view> words) {
  const std::uint32_t letters = letters_of(text);
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return (letters_of(word) & ~letters) == 0 && any_place(text, word, [](std::size_t, std::size_t) { return true; });
  });
}

bool mentions_word(std::string_view text, std::initializer_list<std::string_view> words) {
  const std::uint32_t letters = letters_of(text);
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return (letters_of(word) & ~letters) == 0 && any_place(text, word, [&](std::size_t begin, std::size_t end) {
             return !is_letter(byte_before(text, begin)) && !is_letter(byte_at(text, end));
           });
  });
}

bool equal_ignoring_case(std::string_view text, std::string_view lower_word) {
  return text.size() == lower_word.size() &&
         std::equal(text.begin(), text.end(), lower_word.begin(), [](char a, char b) { return lower(a) == b; });
}

bool ends_ignoring_case(std::string_view text, std::string_view lower_word) {
  return text.size() >= lower_word.size() &&
         equal_ignoring_case(text.substr(text.size() - lower_word.size()), lower_word);
}

}  // namespace hearth::text::privacy
