// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/added_tokens.h"

#include <iterator>

#include "lib/text/tokenizer/unicode_classes.h"

namespace hearth::text {
namespace {

Char char_at(std::string_view text) {
  const auto* const p = reinterpret_cast<const unsigned char*>(text.data());
  if (*p < 0x80) return {*p, class_table()[*p], 1};
  return decode_multibyte(p, p + text.size(), class_table());
}

// The last character of text, which is not empty.
Char last_char(std::string_view text) {
  for (std::size_t n = 1; n <= std::min<std::size_t>(4, text.size()); ++n) {
    const Char c = char_at(text.substr(text.size() - n));
    if (c.length == n && c.code_point != invalid_code_point) return c;
  }
  return {invalid_code_point, CharClass::other, 1};
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(const std::vector<AddedToken>& tokens, bool normalized, bool parse_special,
                                   bool space_is_a_mark)
    : parse_special_(parse_special), space_is_a_mark_(space_is_a_mark) {
  const auto is_ours = [&](const AddedToken& token) { return token.normalized == normalized; };
  const bool finds_any = std::any_of(tokens.begin(), tokens.end(), [&](const AddedToken& token) {
    return is_ours(token) && (parse_special || !token.special);
  });
  if (!finds_any) return;
  std::copy_if(tokens.begin(), tokens.end(), std::back_inserter(tokens_), is_ours);
  const auto first_of = [](const AddedToken& token) { return static_cast<unsigned char>(token.content[0]); };
  std::stable_sort(tokens_.begin(), tokens_.end(), [&](const AddedToken& a, const AddedToken& b) {
    return first_of(a) != first_of(b) ? first_of(a) < first_of(b) : a.content.size() > b.content.size();
  });
  may_follow_.resize(256);
  for (const AddedToken& token : tokens_) {
    ++begins_[first_of(token) + 1u];
    std::array<std::uint64_t, 4>& seconds = may_follow_[first_of(token)];
    if (token.content.size() < 2) {
      seconds.fill(~std::uint64_t{0});
    } else {
      const auto second = static_cast<unsigned char>(token.content[1]);
      seconds[second / 64u] |= std::uint64_t{1} << (second % 64u);
    }
  }
  std::size_t n_firsts = 0;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if (i > 0 && first_of(tokens_[i]) == first_of(tokens_[i - 1])) continue;
    for (std::size_t k = n_firsts++; k < firsts_.size(); ++k) firsts_[k] = tokens_[i].content[0];
  }
  few_firsts_ = n_firsts <= firsts_.size();
  for (std::size_t byte = 1; byte < begins_.size(); ++byte) begins_[byte] += begins_[byte - 1];
}

bool AddedTokenFinder::takes_place(const AddedToken& token, std::string_view text, std::size_t begin, std::size_t end) {
  if (!token.single_word) return true;
  return (begin == 0 || !is_word(last_char(text.substr(0, begin)))) &&
         (end == text.size() || !is_word(char_at(text.substr(end))));
}

std::size_t AddedTokenFinder::begin_of_spaces(std::string_view before) const {
  while (!before.empty()) {
    const Char c = last_char(before);
    if (!in(c.cls, white_space) || (space_is_a_mark_ && c.code_point == ' ')) break;
    before.remove_suffix(c.length);
  }
  return before.size();
}

std::size_t AddedTokenFinder::length_of_spaces(std::string_view after) const {
  std::size_t n = 0;
  while (n < after.size()) {
    const Char c = char_at(after.substr(n));
    if (!in(c.cls, white_space) || (space_is_a_mark_ && c.code_point == ' ')) break;
    n += c.length;
  }
  return n;
}

}  // namespace hearth::text
