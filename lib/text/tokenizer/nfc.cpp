// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/nfc.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "lib/base/error.h"
#include "lib/text/tokenizer/unicode_classes.h"

namespace hearth::text {
namespace {

void append_nfc(std::string_view valid, std::string& out) {
  utf8proc_uint8_t* made = nullptr;
  const utf8proc_ssize_t n =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(valid.data()), static_cast<utf8proc_ssize_t>(valid.size()),
                   &made, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  HEARTH_CHECK(n >= 0, utf8proc_errmsg(n));
  out.append(reinterpret_cast<const char*>(made), static_cast<std::size_t>(n));
  std::free(made);
}

// What NFC leaves alone wherever it stands: the characters of Unicode's NFC_Quick_Check=Yes with combining class 0
// (UAX 15, section 9), as the library itself tells them.
class StableCharacters {
 public:
  StableCharacters() : bits_(n_code_points / 64, ~std::uint64_t{0}) {
    for (std::uint32_t c = 0x80; c < n_code_points; ++c) look_at(c);
    for (std::uint32_t c = 0x1161; c < 0x1176; ++c) forbid(c);  // the vowels and final consonants
    for (std::uint32_t c = 0x11A7; c < 0x11C3; ++c)
      forbid(c);  // that Hangul syllables are made of, and U+11A7, dropped
    for (unsigned lead = 0xC2; lead < 0xF0; ++lead) {
      const std::uint32_t first = lead < 0xE0 ? (lead & 0x1F) << 6 : (lead & 0xF) << 12;
      const std::uint32_t last = first + (lead < 0xE0 ? 0x3F : 0xFFF);
      bool all = true;
      for (std::uint32_t c = first; c <= last; ++c) all = all && (*this)[c];
      leads_[lead] = all && lead != 0xE0 && lead != 0xED;  // of these two not all that follows is valid
    }
  }
  bool operator[](std::uint32_t c) const { return bits_[c / 64] >> (c % 64) & 1; }
  bool all_with_lead(unsigned char lead) const { return leads_[lead]; }

 private:
  static constexpr std::uint32_t n_code_points = 0x110000;
  void forbid(std::uint32_t c) { bits_[c / 64] &= ~(std::uint64_t{1} << (c % 64)); }
  void look_at(std::uint32_t c) {
    const utf8proc_property_t* const property = utf8proc_get_property(static_cast<utf8proc_int32_t>(c));
    if (property->combining_class != 0) forbid(c);
    constexpr std::uint16_t none = 0xffff;
    if (property->decomp_seqindex == none || property->decomp_type != 0) return;  // none, or one of compatibility
    utf8proc_int32_t parts[16];
    int boundary_state = 0;
    const auto n =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts, 16, UTF8PROC_DECOMPOSE, &boundary_state);
    if (n >= 2 && n <= 16) forbid(static_cast<std::uint32_t>(parts[n - 1]));  // it may join what stands before it
    utf8proc_uint8_t bytes[4];
    const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
    const std::string alone(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
    std::string made;
    append_nfc(alone, made);
    if (made != alone) forbid(c);
  }

  std::vector<std::uint64_t> bits_;
  std::array<bool, 256> leads_{};  // are all characters that begin with this byte stable?
};

}  // namespace

bool is_nfc_stable(std::string_view text) {
  static const StableCharacters stable;
  const CharClass* const table = class_table();
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  while (p < end) {
    if (*p < 0x80) {
      for (std::uint64_t eight[4]; end - p >= 32; p += 32) {
        std::memcpy(eight, p, sizeof eight);
        if (((eight[0] | eight[1] | eight[2] | eight[3]) & 0x8080808080808080ull) != 0) break;
      }
      while (p < end && *p < 0x80) ++p;
      continue;
    }
    const std::ptrdiff_t length = *p < 0xE0 ? 2 : 3;
    const bool known = stable.all_with_lead(*p) && end - p >= length && (p[1] & 0xC0) == 0x80;
    if (known && (length == 2 || (p[2] & 0xC0) == 0x80)) {
      p += length;
      continue;
    }
    const Char c = decode_multibyte(p, end, table);
    if (c.code_point != invalid_code_point && !stable[c.code_point]) return false;
    p += c.length;
  }
  return true;
}

std::string nfc_where_valid(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return out = text;
  const CharClass* const table = class_table();
  const auto* const begin = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = begin + text.size();
  const unsigned char* stretch = begin;
  const auto close = [&](const unsigned char* at) {
    if (at > stretch) append_nfc({reinterpret_cast<const char*>(stretch), static_cast<std::size_t>(at - stretch)}, out);
  };
  for (const unsigned char* p = begin; p < end;) {
    const Char c = *p < 0x80 ? Char{*p, table[*p], 1} : decode_multibyte(p, end, table);
    if (c.code_point == invalid_code_point) {
      close(p);
      out += static_cast<char>(*p);
      stretch = p + 1;
    }
    p += c.length;
  }
  close(end);
  return out;
}

}  // namespace hearth::text
