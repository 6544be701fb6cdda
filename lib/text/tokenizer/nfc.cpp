// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/nfc.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>

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

}  // namespace

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
