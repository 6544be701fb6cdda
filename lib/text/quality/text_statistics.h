// SPDX-License-Identifier: Apache-2.0
// What the rules on prose want to know of a text: its words, lines, paragraphs and kinds of characters, and how it
// repeats itself, measured once for all of them. Texts are valid UTF-8; characters are code points.
#pragma once
#include <cstdint>
#include <string_view>

#include "lib/text/quality/repetition.h"
#include "lib/text/quality/words.h"

namespace hearth::text {

// Of lines: those between line feeds, the empty one behind a last line feed not counted.
struct LineCounts {
  std::uint64_t n_lines = 0;
  std::uint64_t n_bullets = 0;   // beginning in "-" or a bullet, after white space
  std::uint64_t n_ellipses = 0;  // ending in "..." or U+2026, before white space
  std::uint64_t n_long = 0;      // 200 characters and more
  // Of lines that are not blank:
  std::uint64_t n_filled = 0;
  std::uint64_t n_finished = 0;  // whose last character ends a sentence, quotes and brackets not looked through
  std::uint64_t n_short = 0;     // at most 30 columns: a wide character (words.h) has two
  PieceRepetition filled;
};

struct TextStatistics {
  std::uint64_t n_characters = 0, n_newlines = 0, n_white_space = 0;
  std::uint64_t n_hashes = 0, n_ellipses = 0, n_parentheses = 0, url_characters = 0;
  WordCounts words;
  LineCounts lines;
  PieceRepetition line_pieces, paragraph_pieces;  // Gopher's: split at one and more line feeds, at two and more
  GramRepetition grams;
  std::uint64_t n_looked = 0;  // words that grams looked at
  int n_stop_words = -1;       // distinct ones of the text's language; -1: no list, or too few words to ask
};

struct Wanted {
  bool pieces = true, grams = true, stop_words = true;
};

// language: ISO 639-1, for stop words; "" is unknown.
TextStatistics measure_text(std::string_view text, std::string_view language, const Wanted& wanted);

// True when the last character of line is one that ends sentences (Unicode's Sentence_Terminal, the frequent ones).
bool ends_sentence(std::string_view line);

}  // namespace hearth::text
