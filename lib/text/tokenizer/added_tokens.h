// SPDX-License-Identifier: Apache-2.0
// Finds added tokens in text: leftmost first, of those that begin at one place the longest.
#pragma once
#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/tokenizer/tokenizer_json.h"

namespace hearth::text {

class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;
  // Of the tokens with this `normalized`, their content as text holds it. Special ones that are not to be parsed are
  // passed over, but what they cover is not searched for others. space_is_a_mark: a space stands for U+2581, which is
  // not white space.
  AddedTokenFinder(const std::vector<AddedToken>& tokens, bool normalized, bool parse_special, bool space_is_a_mark);

  // Calls on_token(id) for each token found and on_text(stretch) for what is not empty between them, in order.
  template <class OnToken, class OnText>
  void split(std::string_view text, OnToken on_token, OnText on_text) const {
    std::size_t done = 0;
    for (std::size_t i = 0; !tokens_.empty() && (i = candidate(text, i)) < text.size();) {
      const AddedToken* const token = at(text.substr(i));
      if (token == nullptr) {
        ++i;
        continue;
      }
      std::size_t begin = i, end = i += token->content.size();
      if ((token->special && !parse_special_) || !takes_place(*token, text, begin, end)) continue;
      if (token->lstrip) begin = std::max(done, begin_of_spaces(text.substr(0, begin)));
      if (token->rstrip) end += length_of_spaces(text.substr(end));
      if (begin > done) on_text(text.substr(done, begin - done));
      on_token(token->id);
      done = end;
    }
    if (done < text.size()) on_text(text.substr(done));
  }

 private:
  // The first place from `from` on whose two bytes begin some token, or the end of text.
  std::size_t candidate(std::string_view text, std::size_t from) const {
    for (std::size_t i = from; (i = next_first(text, i)) < text.size(); ++i) {
      const auto first = static_cast<unsigned char>(text[i]);
      const unsigned second = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
      if (may_follow_[first][second / 64] >> (second % 64) & 1) return i;
    }
    return text.size();
  }
  // The first place whose byte begins some token: 16 at a time where tokens begin with few bytes ('<', the first of
  // '｜').
  std::size_t next_first(std::string_view text, std::size_t i) const {
    if (few_firsts_) {
      const auto is = [&](__m128i bytes, std::size_t k) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(firsts_[k])); };
      for (; text.size() - i >= 16; i += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + i));
        const __m128i found =
            _mm_or_si128(_mm_or_si128(is(bytes, 0), is(bytes, 1)), _mm_or_si128(is(bytes, 2), is(bytes, 3)));
        const auto mask = static_cast<unsigned>(_mm_movemask_epi8(found));
        if (mask != 0) return i + static_cast<unsigned>(std::countr_zero(mask));
      }
    }
    for (; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (begins_[byte] != begins_[byte + 1u]) break;
    }
    return i;
  }
  const AddedToken* at(std::string_view text) const {
    const auto first = static_cast<unsigned char>(text[0]);
    for (std::size_t i = begins_[first]; i < begins_[first + 1]; ++i) {
      if (text.starts_with(tokens_[i].content)) return &tokens_[i];
    }
    return nullptr;
  }
  static bool takes_place(const AddedToken& token, std::string_view text, std::size_t begin, std::size_t end);
  std::size_t begin_of_spaces(std::string_view before) const;  // where the white space at its end begins
  std::size_t length_of_spaces(std::string_view after) const;  // of that at its beginning

  std::vector<AddedToken> tokens_;           // by first byte, of these the longest first
  std::array<std::uint32_t, 257> begins_{};  // where in tokens_ those with this first byte begin
  std::array<char, 4> firsts_{};             // the bytes that tokens begin with, the last one repeated
  bool few_firsts_ = false;                  // those are all
  std::vector<std::array<std::uint64_t, 4>>
      may_follow_;  // [first byte] bits: second bytes of tokens; all of one byte's
  bool parse_special_ = false, space_is_a_mark_ = false;
};

}  // namespace hearth::text
