// SPDX-License-Identifier: Apache-2.0
// Finding the first byte of some kind, many bytes at a time: most texts are plain ASCII, and then this is all they
// cost.
#pragma once
#include <cstddef>
#include <string_view>

namespace hearth::text {

// The first place at or behind at whose byte is wanted, or text.size(). wanted takes an unsigned char; made of
// comparisons joined by & and |, it compiles to vector code.
template <class Wanted>
std::size_t find_byte(std::string_view text, std::size_t at, Wanted wanted) {
  constexpr std::size_t stride = 64;
  for (; at + stride <= text.size(); at += stride) {
    unsigned char found = 0;
    for (std::size_t i = 0; i < stride; ++i)
      found |= static_cast<unsigned char>(wanted(static_cast<unsigned char>(text[at + i])));
    if (found != 0) break;
  }
  while (at < text.size() && !wanted(static_cast<unsigned char>(text[at]))) ++at;
  return at;
}

inline std::size_t skip_ascii(std::string_view text, std::size_t at) {
  return find_byte(text, at, [](unsigned char byte) { return byte >= 0x80; });
}

}  // namespace hearth::text
