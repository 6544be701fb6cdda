// SPDX-License-Identifier: Apache-2.0
#include "lib/text/licences/words.h"

namespace hearth::text::licences {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

char folded(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c + ('a' - 'A'));
  return (c >= 'a' && c <= 'z') || is_digit(c) ? c : '\0';
}

// Words that open a comment line: m4, BASIC, Fortran.
bool opens_comment(std::string_view word) {
  return word == "dnl" || word == "rem" || word == "c";
}

}  // namespace

Words::Words(std::string_view text) {
  text_.reserve(text.size() + 1);
  bool in_word = false, line_start = true, word_at_line_start = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    char kept = folded(c);
    const bool behind_digit = in_word && is_digit(text_.back());
    if (behind_digit && (c == '+' || (c == '.' && i + 1 < text.size() && is_digit(text[i + 1])))) kept = c;
    if (kept != '\0') {
      if (!in_word) {
        starts_.push_back(static_cast<std::uint32_t>(text_.size()));
        word_at_line_start = line_start;
        line_start = false;
      }
      text_ += kept;
      in_word = true;
      continue;
    }
    if (in_word) end_word(word_at_line_start);
    in_word = false;
    line_start = line_start || c == '\n';
    if (c == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == 't')) ++i;  // of a string literal
  }
  if (in_word) end_word(word_at_line_start);
}

void Words::end_word(bool line_start) {
  const std::size_t begin = starts_.back();
  const std::string_view word = std::string_view(text_).substr(begin);
  if (line_start && opens_comment(word)) {
    text_.resize(begin);
    starts_.pop_back();
    return;
  }
  if (word.starts_with("licence")) text_[begin + 5] = 's';
  text_ += ' ';
}

std::string_view Words::operator[](std::size_t i) const {
  const std::string_view rest = from(i);
  return rest.substr(0, rest.find(' '));
}

std::string_view Words::from(std::size_t i) const {
  return i < starts_.size() ? std::string_view(text_).substr(starts_[i]) : std::string_view();
}

bool Words::match(std::size_t i, std::string_view phrase) const {
  const std::string_view rest = from(i);
  return rest.size() > phrase.size() && rest.starts_with(phrase) && rest[phrase.size()] == ' ';
}

}  // namespace hearth::text::licences
