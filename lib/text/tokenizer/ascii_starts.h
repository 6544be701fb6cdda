// SPDX-License-Identifier: Apache-2.0
// Where pieces start in 64 bytes of ASCII that begin at the start of a piece, by shifting and combining the masks of
// their classes: the same pieces as the scanners', without a branch a piece. No expression looks behind its piece, so
// what stands before does not matter; what stands after the 64 bytes may, and starts that depend on it are left out.
#pragma once
#include <bit>
#include <cstdint>

#include "lib/text/tokenizer/ascii_masks.h"

namespace hearth::text {

enum class Endings : std::uint8_t {
  none,
  lower_case,  // 's 't 're 've 'm 'll 'd are pieces
  any_case,
  in_word,  // of any case, and part of the word before them
};

// What sets the expressions apart in ASCII.
struct AsciiRules {
  bool takes_space_only = false;    // what may precede letters in their piece: a space, or any symbol or blank
  int digits = 0;                   // in a piece; 0: all, and a space before them
  bool slash_ends_symbols = false;  // [\r\n/]* after symbols, else [\r\n]*
  bool cut_by_case = false;
  Endings endings = Endings::none;
  bool digits_end_text = false;  // white space before them is all one piece
  bool leaves_controls = false;  // to the scanner
};

namespace ascii_detail {

// The bits of `through` that lie next to bits of `from` in an unbroken run upwards, and `from`.
inline std::uint64_t fill_up(std::uint64_t from, std::uint64_t through) {
  for (int step = 1; step < 64; step *= 2) {
    from |= through & (from << step);
    through &= through << step;
  }
  return from;
}
inline std::uint64_t fill_down(std::uint64_t from, std::uint64_t through) {
  for (int step = 1; step < 64; step *= 2) {
    from |= through & (from >> step);
    through &= through >> step;
  }
  return from;
}
constexpr std::uint64_t bit(unsigned i) {
  return std::uint64_t{1} << i;
}
constexpr std::uint64_t below(unsigned n) {
  return n >= 64 ? ~std::uint64_t{0} : bit(n) - 1;
}

// The length of the contraction at p, whose three bytes are letters after the apostrophe or not; 0: none.
inline unsigned contraction_length(const unsigned char* p, bool any_case) {
  const unsigned fold = any_case ? 0x20 : 0;
  const unsigned a = p[1] | fold, b = p[2] | fold;
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

// Moves the starts for contractions. candidates: apostrophes that may begin one. May lower allowed, the starts that do
// not depend on bytes from n on.
template <Endings endings>
void apply_contractions(const unsigned char* p, std::uint64_t candidates, std::uint64_t letter, unsigned n,
                        std::uint64_t& starts, std::uint64_t& allowed) {
  unsigned last_end = 0;
  for (; candidates != 0; candidates &= candidates - 1) {
    const auto at = static_cast<unsigned>(std::countr_zero(candidates));
    if (at + 3 >= n) {  // its end, or the letter that may follow, is out of sight
      allowed &= below(endings == Endings::in_word ? at : at + 1);
      return;
    }
    if (endings == Endings::in_word && at == last_end) continue;  // no word before it, but another contraction
    const unsigned length = contraction_length(p + at, endings != Endings::lower_case);
    if (length == 0) continue;
    last_end = at + length;
    starts &= ~((below(length) & ~std::uint64_t{endings != Endings::in_word}) << at);
    starts |= letter & bit(last_end);
  }
}

// Where digits start a piece.
template <int digits>
std::uint64_t digit_starts(std::uint64_t digit, std::uint64_t space) {
  if constexpr (digits == 1) return digit;
  const std::uint64_t first = digit & ~(digit << 1);
  if constexpr (digits == 0) return first & ~(space << 1);
  std::uint64_t starts = first;
  const std::uint64_t third = digit & digit << 1 & digit << 2;
  for (std::uint64_t next = (first << 3) & third; next != 0; next = (next << 3) & third) starts |= next;
  return starts;
}

}  // namespace ascii_detail

// The starts after the first, byte 0. p: the 64 bytes that masks describes; readable a byte or two beyond n only as far
// as those 64 go. 0: none that is certain.
template <AsciiRules rules>
std::uint64_t piece_starts(const AsciiMasks& masks, const unsigned char* p) {
  using namespace ascii_detail;
  const std::uint64_t stop = masks.high | (rules.leaves_controls ? masks.control : 0);
  const unsigned n = stop == 0 ? 64 : static_cast<unsigned>(std::countr_zero(stop));
  if (n < 2) return 0;
  const std::uint64_t seen = below(n);
  const std::uint64_t letter = masks.letter & seen, digit = masks.digit & seen, space = masks.space & seen;
  const std::uint64_t newline = masks.newline & seen, blank = (masks.space | masks.tab) & seen;
  const std::uint64_t white = blank | newline;
  std::uint64_t symbol = seen & ~(letter | digit | white);

  std::uint64_t absorbed = 0;  // into the symbols before
  if constexpr (!rules.takes_space_only) {
    absorbed = newline & (symbol << 1);
    if (absorbed != 0)
      absorbed = fill_up(absorbed, rules.slash_ends_symbols ? newline | (masks.slash & seen) : newline);
    symbol &= ~absorbed;
  }
  const std::uint64_t alone = symbol & ~((symbol | space) << 1);  // begins its piece
  const std::uint64_t taken = rules.takes_space_only ? space : blank | alone;
  std::uint64_t starts = letter & ~((letter | taken) << 1);
  if constexpr (rules.cut_by_case) starts |= masks.upper & letter & (letter & ~masks.upper) << 1;
  starts |= digit_starts<rules.digits>(digit, space);
  starts |= symbol & ~((symbol | space) << 1);

  // White space: where a run begins, its last character, and what follows its last newline.
  const std::uint64_t free_white = white & ~absorbed;
  starts |= free_white & ~(free_white << 1);
  if constexpr (rules.takes_space_only) {
    starts |= white & ~(white >> 1);
  } else {
    starts |= blank & ~((white | (rules.digits_end_text ? digit : 0)) >> 1);
    if (const std::uint64_t after_newline = blank & newline << 1; after_newline != 0)
      starts |= after_newline & ~fill_down((newline >> 1) & blank, blank);
  }
  // A run of white space that touches the end starts where it starts; the rest of it depends on what follows.
  const auto n_before_white = static_cast<unsigned>(64 - std::countl_zero(seen & ~white));
  std::uint64_t allowed = n_before_white == n ? seen : below(n_before_white + 1);

  if constexpr (rules.endings != Endings::none) {
    std::uint64_t candidates = masks.apostrophe & (rules.endings == Endings::in_word ? letter << 1 : alone);
    candidates &= seen & (letter >> 1 | bit(n - 1));
    if (candidates != 0) apply_contractions<rules.endings>(p, candidates, letter, n, starts, allowed);
  }
  return starts & allowed & ~std::uint64_t{1};
}

}  // namespace hearth::text
