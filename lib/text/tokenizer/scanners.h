// SPDX-License-Identifier: Apache-2.0
// The pre-tokenizers as hand-written scanners: next(p) is the end of the piece that starts at p, as the pattern's
// regular expression would match it (patterns.cpp), without lookahead beyond a run and without backtracking, so in
// linear time. Inline, because the encoder's inner loop is a scanner and a cache look-up.
#pragma once
#include <emmintrin.h>

#include <bit>
#include <string_view>

#include "lib/base/error.h"
#include "lib/text/tokenizer/patterns.h"
#include "lib/text/tokenizer/unicode_classes.h"

namespace hearth::text {

// What all scanners share: characters, runs of a class, contractions, white space.
class ScannerBase {
 public:
  using Byte = const unsigned char*;
  explicit ScannerBase(std::string_view text)
      : end_(reinterpret_cast<Byte>(text.data()) + text.size()), table_(class_table()) {}

 protected:
  // The character at p < end_.
  Char at(Byte p) const {
    if (*p < 0x80) return {*p, table_[*p], 1};
    return decode_multibyte(p, end_, table_);
  }
  bool is(Byte p, ClassSet set) const { return p < end_ && in(at(p).cls, set); }

  // The end of the run of characters in set from p.
  Byte run(Byte p, ClassSet set) const {
    while (p < end_) {
      const Char c = at(p);
      if (!in(c.cls, set)) break;
      p += c.length;
    }
    return p;
  }
  // The same for letters: 16 bytes at a time while they are ASCII.
  Byte run_letters(Byte p, ClassSet set) const {
    while (end_ - p >= 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
      const __m128i folded = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
      const __m128i is_letter = _mm_cmpeq_epi8(_mm_min_epu8(folded, _mm_set1_epi8(25)), folded);
      const unsigned n = static_cast<unsigned>(std::countr_one(static_cast<unsigned>(_mm_movemask_epi8(is_letter))));
      p += n;
      if (n == 16) continue;
      if (*p < 0x80) return p;
      const Char c = at(p);
      if (!in(c.cls, set)) return p;
      p += c.length;
    }
    return run(p, set);
  }
  Byte at_most(Byte p, int n, ClassSet set) const {
    for (int i = 0; i < n && p < end_; ++i) {
      const Char c = at(p);
      if (!in(c.cls, set)) break;
      p += c.length;
    }
    return p;
  }
  Byte run_newlines(Byte p, bool slash_too = false) const {
    while (p < end_ && (*p == '\n' || *p == '\r' || (slash_too && *p == '/'))) ++p;
    return p;
  }

  // The end of 's 't 're 've 'm 'll 'd at p (which holds the apostrophe), or p. Case folding takes U+017F for an s.
  Byte contraction(Byte p, bool any_case) const {
    const auto left = end_ - p;
    if (left < 2) return p;
    const auto fold = [&](unsigned char c) -> unsigned { return any_case && c >= 'A' && c <= 'Z' ? c | 0x20u : c; };
    const unsigned a = fold(p[1]);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return p + 2;
    if (left < 3) return p;
    const unsigned b = fold(p[2]);
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return p + 3;
    return any_case && p[1] == 0xC5 && p[2] == 0xBF ? p + 3 : p;
  }

  struct SpaceRun {
    Byte begin, last, after_newline, end;  // last: where its last character begins; after_newline: nullptr without one
  };
  SpaceRun space_run(Byte p) const {
    SpaceRun found{p, p, nullptr, p};
    while (found.end < end_) {
      const Char c = at(found.end);
      if (!in(c.cls, white_space)) break;
      found.last = found.end;
      found.end += c.length;
      if (c.cls == CharClass::newline) found.after_newline = found.end;
    }
    return found;
  }
  // \s+(?!\S)|\s+ : the whole run at the text's end or of one character, else all but its last character.
  static Byte cut_spaces(const SpaceRun& run, bool at_text_end) {
    return at_text_end || run.last == run.begin ? run.end : run.last;
  }
  // \s*[\r\n]+|\s+(?!\S)|\s+ : up to the last newline of the run, else as above.
  Byte spaces(Byte p) const {
    const SpaceRun found = space_run(p);
    return found.after_newline != nullptr ? found.after_newline : cut_spaces(found, found.end == end_);
  }

  Byte end_;
  const CharClass* table_;
};

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
class Gpt2Scanner : public ScannerBase {
 public:
  using ScannerBase::ScannerBase;
  Byte next(Byte p) const {
    if (*p == '\'') {
      if (const Byte end = contraction(p, false); end != p) return end;
    }
    const Byte first = *p == ' ' && p + 1 < end_ ? p + 1 : p;
    const Char c = at(first);
    if (in(c.cls, letters)) return run_letters(first + c.length, letters);
    if (in(c.cls, numbers)) return run(first + c.length, numbers);
    if (!in(c.cls, white_space)) return run(first + c.length, ~(white_space | letters | numbers));
    const SpaceRun found = space_run(p);
    return cut_spaces(found, found.end == end_);
  }
};

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}|
// ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ Letters may include the marks (Qwen 3.5).
template <int digits, ClassSet word>
class Llama3Scanner : public ScannerBase {
 public:
  using ScannerBase::ScannerBase;
  Byte next(Byte p) const {
    if (*p == '\'') {
      if (const Byte end = contraction(p, true); end != p) return end;
    }
    const Char c = at(p);
    const Byte second = p + c.length;
    if (in(c.cls, word)) return run_letters(second, word);
    if (in(c.cls, numbers)) return at_most(second, digits - 1, numbers);
    if (c.cls == CharClass::newline) return spaces(p);
    Char d{0, CharClass::newline, 0};
    if (second < end_) d = at(second);
    if (in(d.cls, word)) return run_letters(second + d.length, word);
    constexpr ClassSet symbols = ~(white_space | word | numbers);
    if (in(c.cls, symbols)) return run_newlines(run(second, symbols));
    if (*p == ' ' && in(d.cls, symbols)) return run_newlines(run(second + d.length, symbols));
    return spaces(p);
  }
};

// Words cut by case, with contractions as their endings (o200k), or without (tekken):
// prefix? UPPER* LOWER+ ending? | prefix? UPPER+ LOWER* ending? | \p{N}{1,digits} | ?[^\s\p{L}\p{N}]+[\r\n/]* | spaces
// where prefix is [^\r\n\p{L}\p{N}], and letters without case and marks are both UPPER and LOWER.
template <int digits, bool contractions>
class O200kScanner : public ScannerBase {
 public:
  using ScannerBase::ScannerBase;
  Byte next(Byte p) const {
    const Char c = at(p);
    const Byte second = p + c.length;
    if (in(c.cls, upper | lower)) {
      // A mark may be the prefix of a word as well as a part of it; as a prefix it may not help UPPER* LOWER+ to match.
      if (c.cls == CharClass::mark) {
        if (const Byte end = ends_lower(second); end != nullptr) return ending(end);
      }
      const Byte end = ends_lower(p);
      return ending(end != nullptr ? end : run(p, upper));
    }
    if (in(c.cls, numbers)) return at_most(second, digits - 1, numbers);
    if (c.cls == CharClass::newline) return spaces(p);
    Char d{0, CharClass::newline, 0};
    if (second < end_) d = at(second);
    if (in(d.cls, upper | lower)) {
      const Byte end = ends_lower(second);
      return ending(end != nullptr ? end : run(second, upper));
    }
    if (in(c.cls, symbols)) return run_newlines(run(second, symbols), true);
    if (*p == ' ' && in(d.cls, symbols)) return run_newlines(run(second + d.length, symbols), true);
    return spaces(p);
  }

 private:
  static constexpr ClassSet caseless = set_of({CharClass::modifier, CharClass::letter, CharClass::mark});
  static constexpr ClassSet upper = caseless | set_of({CharClass::upper, CharClass::title});
  static constexpr ClassSet lower = caseless | set_of({CharClass::lower});
  static constexpr ClassSet symbols = ~(white_space | letters | numbers);

  // UPPER* LOWER+ from p, or nullptr. Where no small letter follows the run of UPPER, the run gives back what stands
  // after its last caseless character.
  Byte ends_lower(Byte p) const {
    Byte after_caseless = nullptr;
    while (p < end_) {
      const Char c = at(p);
      if (c.cls == CharClass::lower) return run_lower(p + c.length);
      if (!in(c.cls, upper)) break;
      p += c.length;
      if (in(c.cls, caseless)) after_caseless = p;
    }
    return after_caseless;
  }
  Byte run_lower(Byte p) const {
    while (end_ - p >= 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
      const __m128i shifted = _mm_sub_epi8(bytes, _mm_set1_epi8('a'));
      const __m128i is_lower = _mm_cmpeq_epi8(_mm_min_epu8(shifted, _mm_set1_epi8(25)), shifted);
      const unsigned n = static_cast<unsigned>(std::countr_one(static_cast<unsigned>(_mm_movemask_epi8(is_lower))));
      p += n;
      if (n == 16) continue;
      if (*p < 0x80) return p;
      const Char c = at(p);
      if (!in(c.cls, lower)) return p;
      p += c.length;
    }
    return run(p, lower);
  }
  Byte ending(Byte p) const { return contractions && p < end_ && *p == '\'' ? contraction(p, true) : p; }
};

// Three expressions, each applied inside the pieces of the one before: \p{N}{1,3}, then runs of Han and kana, then
// [ascii punctuation][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
// So text falls into stretches (Han, other, between numbers), each of which ends the text to what stands in it, and
// what no alternative takes (controls, formats, unassigned) is a piece of its own.
class DeepSeek3Scanner : public ScannerBase {
 public:
  using ScannerBase::ScannerBase;
  Byte next(Byte p) const {
    const Char c = at(p);
    if (c.cls == CharClass::number) return at_most(p + c.length, 2, numbers);
    return is_han(c) ? next_in<true>(p, c) : next_in<false>(p, c);
  }

 private:
  static constexpr ClassSet word = letters | marks;
  static constexpr ClassSet symbols = set_of({CharClass::punctuation, CharClass::symbol});
  static constexpr ClassSet rest = set_of({CharClass::other, CharClass::space});  // what may begin a word besides

  static bool is_han(const Char& c) {
    return (c.code_point >= 0x4E00 && c.code_point <= 0x9FA5) || (c.code_point >= 0x3040 && c.code_point <= 0x30FF);
  }
  static bool is_ascii_letter(unsigned char c) { return ((c | 0x20u) - 'a') <= 25u; }

  // The character at p is of set and in the stretch (which no set holding numbers is asked about).
  template <bool han>
  bool in_stretch(Byte p, ClassSet set) const {
    if (p == end_) return false;
    const Char c = at(p);
    return in(c.cls, set) && is_han(c) == han;
  }
  template <bool han>
  Byte run_in(Byte p, ClassSet set) const {
    while (p < end_) {
      const Char c = at(p);
      if (!in(c.cls, set) || is_han(c) != han) break;
      p += c.length;
    }
    return p;
  }

  template <bool han>
  Byte next_in(Byte p, const Char& c) const {
    const Byte second = p + c.length;
    if (*p < 0x80 && in(c.cls, symbols) && second < end_ && is_ascii_letter(*second)) {
      Byte q = second + 1;
      while (q < end_ && is_ascii_letter(*q)) ++q;
      return q;
    }
    if (in(c.cls, word)) return run_in<han>(second, word);
    if (in(c.cls, rest) && in_stretch<han>(second, word)) return run_in<han>(second, word);
    if (in(c.cls, symbols)) return newlines_in<han>(run_in<han>(second, symbols));
    if (*p == ' ' && in_stretch<han>(second, symbols)) return newlines_in<han>(run_in<han>(second, symbols));
    if (!in(c.cls, white_space)) return others<han>(second);
    const SpaceRun found = space_run(p);
    if (found.after_newline != nullptr) return found.after_newline;
    const bool at_stretch_end = !in_stretch<han>(found.end, ~numbers);
    return cut_spaces(found, at_stretch_end);
  }
  template <bool han>
  Byte newlines_in(Byte p) const {
    return han ? p : run_newlines(p);
  }
  // Characters of class other from p on, up to one that begins a word as its prefix.
  template <bool han>
  Byte others(Byte p) const {
    while (in_stretch<han>(p, set_of({CharClass::other}))) {
      const Byte second = p + at(p).length;
      if (in_stretch<han>(second, word)) break;
      p = second;
    }
    return p;
  }
};

// No expression: the text is one piece.
class WholeScanner : public ScannerBase {
 public:
  using ScannerBase::ScannerBase;
  Byte next(Byte) const { return end_; }
};

// Calls body with the scanner of the pattern over text.
template <class Body>
auto with_scanner(Pattern pattern, std::string_view text, Body&& body) {
  switch (pattern) {
    case Pattern::none:
    case Pattern::sentencepiece:  // cut by other means (character_pairs.h)
      return body(WholeScanner(text));
    case Pattern::gpt2:
      return body(Gpt2Scanner(text));
    case Pattern::llama3:
      return body(Llama3Scanner<3, letters>(text));
    case Pattern::qwen2:
      return body(Llama3Scanner<1, letters>(text));
    case Pattern::qwen35:
      return body(Llama3Scanner<1, letters | marks>(text));
    case Pattern::o200k:
      return body(O200kScanner<3, true>(text));
    case Pattern::tekken:
      return body(O200kScanner<1, false>(text));
    case Pattern::deepseek3:
      return body(DeepSeek3Scanner(text));
  }
  HEARTH_CHECK(false, "no such pattern");
}

}  // namespace hearth::text
