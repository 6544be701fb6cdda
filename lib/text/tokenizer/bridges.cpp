// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/bridges.h"

namespace hearth::text {

void Bridges::add(std::string_view token) {
  if (pairs_.empty()) {
    pairs_.resize((std::size_t{1} << pair_bits) / 64);
    parts_.resize(0x10000 / 64);
  }
  const auto* const begin = reinterpret_cast<const unsigned char*>(token.data());
  const auto* const end = begin + token.size();
  for (const unsigned char* p = begin + 1; p < end; ++p) {
    if (*p < 0xC0 || p[-1] < 0x80) continue;  // not between characters beyond ASCII
    const unsigned char* left = p - 1;
    while (left > begin && (*left & 0xC0) == 0x80) --left;
    const unsigned length = length_of(p, end);
    const bool whole = p - left > 1 && length_of(left, p) == static_cast<std::size_t>(p - left);
    if (whole && length > 1) {
      set(pairs_, place_of(bytes_of(left, static_cast<unsigned>(p - left)), bytes_of(p, length)));
    } else {
      set(parts_, static_cast<std::uint32_t>(p[-1]) << 8 | *p);
    }
  }
}

}  // namespace hearth::text
