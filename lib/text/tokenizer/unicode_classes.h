// SPDX-License-Identifier: Apache-2.0
// The class of a code point, as the regular expressions of pre-tokenizers see it, and the decoding of UTF-8 they need.
// The classes are pinned (unicode_tables.cpp), whatever Unicode the machine's libraries know.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace hearth::text {

// Each code point is in one. `space` is \s without CR and LF; `newline` is those two.
enum class CharClass : std::uint8_t {
  other,
  upper,
  title,
  lower,
  modifier,
  letter,
  mark,
  number,
  punctuation,
  symbol,
  newline,
  space
};

// A set of classes as bits.
using ClassSet = std::uint32_t;
constexpr ClassSet set_of(std::initializer_list<CharClass> classes) {
  ClassSet set = 0;
  for (const CharClass c : classes) set |= 1u << static_cast<unsigned>(c);
  return set;
}
constexpr bool in(CharClass c, ClassSet set) {
  return (set >> static_cast<unsigned>(c)) & 1u;
}

constexpr ClassSet letters =
    set_of({CharClass::upper, CharClass::title, CharClass::lower, CharClass::modifier, CharClass::letter});
constexpr ClassSet marks = set_of({CharClass::mark});
constexpr ClassSet numbers = set_of({CharClass::number});
constexpr ClassSet newlines = set_of({CharClass::newline});
constexpr ClassSet white_space = set_of({CharClass::space, CharClass::newline});

extern const char* const unicode_version;
extern const std::uint32_t unicode_runs[];  // (first code point << 4) | class, ascending
extern const std::size_t n_unicode_runs;
extern const std::uint32_t word_exceptions[];  // pairs of first and last code point, ascending (is_word)
extern const std::size_t n_word_exceptions;    // pairs

// [0x110000] classes, made from the runs on first use.
const CharClass* class_table();

// A character of text: its class and its length in bytes. A byte that begins no valid UTF-8 sequence (overlong forms,
// surrogates and what lies beyond U+10FFFF included) is a character of class `other`, one byte long.
struct Char {
  std::uint32_t code_point;  // 0xffffffff for an invalid byte
  CharClass cls;
  std::uint8_t length;
};
constexpr std::uint32_t invalid_code_point = 0xffffffffu;

Char decode_any_multibyte(const unsigned char* p, const unsigned char* end, const CharClass* table);

// The character of two or more bytes at p < end, or the invalid byte there. *p >= 0x80. Inline for those of two and
// three bytes that are well-formed wherever the continuation bytes are there: nearly all.
inline Char decode_multibyte(const unsigned char* p, const unsigned char* end, const CharClass* table) {
  const unsigned lead = p[0];
  if (end - p >= 3 && (p[1] & 0xC0) == 0x80) {
    if (lead - 0xE1 < 0xCu && (p[2] & 0xC0) == 0x80) {  // up to 0xEC
      const std::uint32_t code = (lead & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
      return {code, table[code], 3};
    }
    if (lead - 0xC2 < 0x1Eu) {  // up to 0xDF
      const std::uint32_t code = (lead & 0x1Fu) << 6 | (p[1] & 0x3Fu);
      return {code, table[code], 2};
    }
  }
  return decode_any_multibyte(p, end, table);
}

// \w of tokenizers' added tokens with single_word: letters, marks and numbers, with exceptions both ways.
bool is_word(const Char& c);

}  // namespace hearth::text
