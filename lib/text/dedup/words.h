// SPDX-License-Identifier: Apache-2.0
// A text as a row of words, each known by a hash, for comparing texts without their looks. Folded words: letters in
// lower case without diacritics, everything that is neither letter nor digit separates, apostrophes vanish. Tokens:
// what stands between white space, as it is spelt. In scripts that put no spaces between words (Chinese, Japanese,
// Thai, Lao, Khmer, Burmese) each character is a word of its own in both.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/text/encoding.h"

namespace hearth::text::dedup {

// Bijective, every bit depends on every bit (SplitMix64's finaliser).
constexpr std::uint64_t mix64(std::uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
  value = (value ^ value >> 27) * 0x94d049bb133111ebu;
  return value ^ value >> 31;
}

struct Word {
  std::uint64_t numberless = 0;  // hash of the folded word in which every run of digits is one 0
  std::uint64_t exact = 0;       // hash of the folded word with its digits
  std::size_t begin = 0, end = 0;
  bool number = false;  // of digits alone
  bool wide = false;    // a character of a script without spaces
};

// What folding makes of a character.
struct Fold {
  static constexpr std::uint32_t separator = 0, dropped = 1;  // else: a folded code point, and of these bits
  static constexpr std::uint32_t digit = 1u << 30, alone = 1u << 31;
};
constexpr char32_t end_of_fold_table = 0x10000;
const std::uint32_t* fold_table();                    // [end_of_fold_table], of constants, made at its first use
std::uint32_t fold_beyond_table(char32_t character);  // of the others

// One word after another of valid UTF-8.
class FoldedWords {
 public:
  explicit FoldedWords(std::string_view text) : text_(text), table_(fold_table()) {}
  bool next(Word& word) { return next_of<true>(word); }         // false: there is none
  bool next_exact(Word& word) { return next_of<false>(word); }  // without numberless: faster

 private:
  template <bool with_numberless>
  bool next_of(Word& word);
  std::uint32_t fold_next() {
    const auto byte = static_cast<unsigned char>(text_[at_]);
    if (byte < 0x80) return ++at_, table_[byte];
    const char32_t character = next_code_point(text_, at_);
    return character < end_of_fold_table ? table_[character] : fold_beyond_table(character);
  }

  std::string_view text_;
  const std::uint32_t* table_;
  std::size_t at_ = 0;
};

struct Token {
  std::uint64_t hash = 0;  // of its spelling
  std::size_t begin = 0, end = 0;
};

// One token after another of valid UTF-8.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text), table_(fold_table()) {}
  bool next(Token& token);

 private:
  std::string_view text_;
  const std::uint32_t* table_;
  std::size_t at_ = 0;
};

constexpr std::uint64_t hash_start = 0x243f6a8885a308d3u, hash_step = 0x9e3779b97f4a7c15u;

// The letter in lower case, or 0.
constexpr std::uint32_t fold_ascii_letter(char byte) {
  const unsigned lower = static_cast<unsigned char>(byte) | 0x20u;
  return lower - 'a' < 26u ? lower : 0;
}

template <bool with_numberless>
bool FoldedWords::next_of(Word& word) {
  std::uint64_t numberless = hash_start, exact = hash_start;
  bool in_word = false, in_digits = false, letters = false;
  std::size_t end = 0;
  while (at_ < text_.size()) {
    const std::size_t begin = at_;
    if (std::uint32_t letter = fold_ascii_letter(text_[at_]); letter != 0) {  // most of most texts: no other checks
      if (!in_word) word.begin = begin;
      do {
        exact = (exact ^ letter) * hash_step;
        if constexpr (with_numberless) numberless = (numberless ^ letter) * hash_step;
        letter = ++at_ < text_.size() ? fold_ascii_letter(text_[at_]) : 0;
      } while (letter != 0);
      in_word = letters = true;
      in_digits = false;
      end = at_;
      continue;
    }
    const std::uint32_t fold = fold_next();
    if (fold <= Fold::dropped) {
      if (!in_word) continue;
      if (fold == Fold::separator) break;
      if (at_ - begin > 1) end = at_;  // a mark belongs to its letter
      continue;
    }
    if ((fold & Fold::alone) != 0) {
      if (in_word) {
        at_ = begin;
        break;
      }
      const std::uint64_t hash = mix64(fold);
      word = {hash, hash, begin, at_, false, true};
      return true;
    }
    if (!in_word) word.begin = begin;
    in_word = true;
    end = at_;
    exact = (exact ^ fold) * hash_step;
    const bool is_digit = (fold & Fold::digit) != 0;
    if (!is_digit) letters = true;
    if (with_numberless && (!is_digit || !in_digits))
      numberless = (numberless ^ (is_digit ? Fold::digit : fold)) * hash_step;
    in_digits = is_digit;
  }
  if (!in_word) return false;
  word = {with_numberless ? mix64(numberless) : 0, mix64(exact), word.begin, end, !letters, false};
  return true;
}

inline bool Tokens::next(Token& token) {
  const auto is_space = [](unsigned char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); };
  while (at_ < text_.size() && is_space(static_cast<unsigned char>(text_[at_]))) ++at_;
  if (at_ == text_.size()) return false;
  token.begin = at_;
  std::uint64_t hash = hash_start;
  while (at_ < text_.size()) {
    const auto byte = static_cast<unsigned char>(text_[at_]);
    if (byte < 0x80) {
      if (is_space(byte)) break;
      hash = (hash ^ byte) * hash_step;
      ++at_;
      continue;
    }
    const std::size_t begin = at_;
    const char32_t character = next_code_point(text_, at_);
    const std::uint32_t fold = character < end_of_fold_table ? table_[character] : fold_beyond_table(character);
    const bool alone = (fold & Fold::alone) != 0;
    if (alone && begin != token.begin) {
      at_ = begin;
      break;
    }
    hash = (hash ^ character) * hash_step;
    if (alone) break;
  }
  token.hash = mix64(hash);
  token.end = at_;
  return true;
}

}  // namespace hearth::text::dedup
