// SPDX-License-Identifier: Apache-2.0
// The kinds of 64 bytes at once, one bit a byte: what lets the finder pass over ordinary text. Every x86-64 has the
// instructions (SSE2); elsewhere a plain loop does the same.
#pragma once
#include <cstdint>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace hearth::text::privacy {

struct ByteMasks {
  std::uint64_t digit = 0;
  std::uint64_t word = 0;    // letters, digits and _ - + /: what keys are written in
  std::uint64_t at = 0;      // @
  std::uint64_t assign = 0;  // = and :
  std::uint64_t dash = 0;
};
constexpr std::size_t mask_bytes = 64;

#if defined(__SSE2__)

// Of bytes[0] to bytes[63].
inline ByteMasks masks_of(const char* bytes) {
  ByteMasks masks;
  const auto in_range = [](__m128i v, char low, char count) {  // low <= v < low + count, unsigned
    const __m128i from_low = _mm_sub_epi8(v, _mm_set1_epi8(low));
    return _mm_cmpeq_epi8(_mm_min_epu8(from_low, _mm_set1_epi8(static_cast<char>(count - 1))), from_low);
  };
  const auto is = [](__m128i v, char c) { return _mm_cmpeq_epi8(v, _mm_set1_epi8(c)); };
  for (int part = 0; part < 4; ++part) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + 16 * part));
    const auto put = [part](std::uint64_t& mask, __m128i found) {
      mask |= static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(found))) << (16 * part);
    };
    const __m128i digit = in_range(v, '0', 10);
    const __m128i letter = in_range(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'a', 26);
    const __m128i dash = is(v, '-');
    const __m128i marks = _mm_or_si128(_mm_or_si128(is(v, '_'), dash), _mm_or_si128(is(v, '+'), is(v, '/')));
    put(masks.digit, digit);
    put(masks.word, _mm_or_si128(_mm_or_si128(digit, letter), marks));
    put(masks.at, is(v, '@'));
    put(masks.assign, _mm_or_si128(is(v, '='), is(v, ':')));
    put(masks.dash, dash);
  }
  return masks;
}

#else

inline ByteMasks masks_of(const char* bytes) {
  ByteMasks masks;
  for (std::size_t i = 0; i < mask_bytes; ++i) {
    const char c = bytes[i];
    const std::uint64_t bit = std::uint64_t{1} << i;
    const bool digit = c >= '0' && c <= '9', letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    if (digit) masks.digit |= bit;
    if (digit || letter || c == '_' || c == '-' || c == '+' || c == '/') masks.word |= bit;
    if (c == '@') masks.at |= bit;
    if (c == '=' || c == ':') masks.assign |= bit;
    if (c == '-') masks.dash |= bit;
  }
  return masks;
}

#endif

}  // namespace hearth::text::privacy
