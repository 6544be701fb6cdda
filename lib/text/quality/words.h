// SPDX-License-Identifier: Apache-2.0
// A text as words, the unit of most quality rules. A word is what stands between white space, punctuation on it
// included. Scripts written without spaces have words of a fixed length: two characters of Han and kana, four of Thai,
// Lao, Khmer, Myanmar and Tibetan, about what a dictionary finds; their punctuation separates. Korean has spaces.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace hearth::text {

struct Word {
  std::uint64_t hash;          // of its bytes
  std::uint32_t n_characters;  // code points
};

struct WordCounts {
  std::uint64_t n_words = 0, n_characters = 0;        // all of them
  std::uint64_t n_named = 0;                          // with more than punctuation and symbols
  std::uint64_t n_spaced = 0, spaced_characters = 0;  // those named, of scripts with spaces
  std::uint64_t n_alphabetic = 0;                     // with a letter or an ideograph
  std::uint64_t longest_characters = 0;               // of the longest one
  std::uint64_t n_letters = 0, n_numbers = 0;         // characters of those classes; combining marks count as letters
  std::uint64_t n_wide = 0;                           // Han, kana, Hangul and full-width characters
};

// Splits valid UTF-8. words gets each word in order when it is not null.
WordCounts split_words(std::string_view text, std::vector<Word>* words);

// The hash that Word has for a word of these bytes.
std::uint64_t hash_word(std::string_view word);

// Han, kana and CJK punctuation, Hangul, full-width forms: two columns wide in a terminal.
bool is_wide(char32_t code_point);

}  // namespace hearth::text
