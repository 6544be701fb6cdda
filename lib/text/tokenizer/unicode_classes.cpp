// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/unicode_classes.h"

#include <algorithm>
#include <memory>

namespace hearth::text {

const CharClass* class_table() {
  static const std::unique_ptr<CharClass[]> table = [] {
    constexpr std::uint32_t n_code_points = 0x110000;
    auto classes = std::make_unique<CharClass[]>(n_code_points);
    for (std::size_t i = 0; i < n_unicode_runs; ++i) {
      const std::uint32_t begin = unicode_runs[i] >> 4;
      const std::uint32_t end = i + 1 < n_unicode_runs ? unicode_runs[i + 1] >> 4 : n_code_points;
      std::fill(classes.get() + begin, classes.get() + end, static_cast<CharClass>(unicode_runs[i] & 15));
    }
    return classes;
  }();
  return table.get();
}

Char decode_any_multibyte(const unsigned char* p, const unsigned char* end, const CharClass* table) {
  constexpr Char invalid{invalid_code_point, CharClass::other, 1};
  const auto left = end - p;
  const auto continues = [&](int i) { return (p[i] & 0xC0) == 0x80; };
  const unsigned lead = p[0];
  if (lead < 0xC2 || lead > 0xF4 || left < 2 || !continues(1)) return invalid;
  if (lead < 0xE0) {
    const std::uint32_t code = (lead & 0x1Fu) << 6 | (p[1] & 0x3Fu);
    return {code, table[code], 2};
  }
  if (left < 3 || !continues(2)) return invalid;
  if (lead < 0xF0) {
    const std::uint32_t code = (lead & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    if (code < 0x800 || (code >= 0xD800 && code < 0xE000)) return invalid;
    return {code, table[code], 3};
  }
  if (left < 4 || !continues(3)) return invalid;
  const std::uint32_t code = (lead & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
  if (code < 0x10000 || code > 0x10FFFF) return invalid;
  return {code, table[code], 4};
}

bool is_word(const Char& c) {
  std::size_t low = 0, high = n_word_exceptions;  // in the end as many pairs begin at or before c
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (word_exceptions[2 * middle] <= c.code_point) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const bool excepted = low > 0 && c.code_point <= word_exceptions[2 * low - 1];
  return in(c.cls, letters | marks | numbers) != excepted;
}

}  // namespace hearth::text
