// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/byte_level.h"

namespace hearth::text {
namespace {

bool is_itself(unsigned byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

constexpr unsigned n_shifted = 68;  // bytes written as U+0100 and up

struct Tables {
  std::array<std::uint16_t, 256> code_point_of;
  std::array<std::uint8_t, 256> shifted;  // the byte that U+0100 + i stands for
};

const Tables& tables() {
  static const Tables made = [] {
    Tables t{};
    unsigned next = 0;
    for (unsigned byte = 0; byte < 256; ++byte) {
      t.code_point_of[byte] = static_cast<std::uint16_t>(is_itself(byte) ? byte : 0x100 + next);
      if (!is_itself(byte)) t.shifted[next++] = static_cast<std::uint8_t>(byte);
    }
    return t;
  }();
  return made;
}

}  // namespace

std::string to_byte_level(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const unsigned code = tables().code_point_of[static_cast<unsigned char>(c)];
    if (code < 0x80) {
      text += static_cast<char>(code);
    } else {
      text += static_cast<char>(0xC0 | code >> 6);
      text += static_cast<char>(0x80 | (code & 0x3F));
    }
  }
  return text;
}

std::optional<std::string> from_byte_level(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    unsigned code = lead;
    if (lead >= 0x80) {
      if (lead < 0xC2 || lead > 0xC5 || i + 1 == text.size()) return std::nullopt;
      code = (lead & 0x1Fu) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3Fu);
    }
    if (code >= 0x100 + n_shifted) return std::nullopt;
    if (code < 0x100 && !is_itself(code)) return std::nullopt;
    bytes += static_cast<char>(code < 0x100 ? code : tables().shifted[code - 0x100]);
  }
  return bytes;
}

std::array<std::uint8_t, 256> byte_level_alphabet() {
  std::array<std::uint8_t, 256> order{};
  std::size_t n = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (is_itself(byte)) order[n++] = static_cast<std::uint8_t>(byte);
  }
  for (unsigned i = 0; i < n_shifted; ++i) order[n++] = tables().shifted[i];
  return order;
}

}  // namespace hearth::text
