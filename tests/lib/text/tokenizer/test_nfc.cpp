// SPDX-License-Identifier: Apache-2.0
// is_nfc_stable beside nfc_where_valid, which is utf8proc's: what is called stable must not change, whatever stands
// before it.
#include "lib/text/tokenizer/nfc.h"
#include "tests/support/catch.h"

using namespace hearth::text;

namespace {

std::string utf8(char32_t c) {
  const auto byte = [](char32_t bits) { return static_cast<char>(bits); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F))};
  if (c < 0x10000) return {byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
  return {byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
}

}  // namespace

TEST_CASE("characters called stable stay behind every character that joins others", "[tokenizer]") {
  std::string text;
  std::size_t n_stable = 0;
  for (char32_t c = 1; c < 0x110000; ++c) {
    if ((c >= 0xD800 && c < 0xE000) || !is_nfc_stable(utf8(c))) continue;
    ++n_stable;
    for (const char32_t before : {U'e', U'\u03B1', U'\u1100', U'\uAC00', U'\u0915', U'\u304B', U'\u09C7'})
      if (c < 0x20000) text += utf8(before) + utf8(c);
  }
  CHECK(n_stable > 1'100'000);
  CHECK(is_nfc_stable(text));
  CHECK(nfc_where_valid(text) == text);
}

TEST_CASE("what NFC changes is not called stable", "[tokenizer]") {
  for (const std::string text : {"e\u0301", "\u0344", "\u212B", "\u1100\u1161", "\uAC00\u11A8", "\u304B\u3099",
                                 "\u0958", "a\u0323\u0301", "\uF900", "\U0001D15E", "\u2ADC"}) {
    CAPTURE(text);
    CHECK(nfc_where_valid(text) != text);
    CHECK_FALSE(is_nfc_stable(text));
    CHECK_FALSE(is_nfc_stable("plain text before it, and some \u6F22\u5B57 " + text));
  }
  CHECK(is_nfc_stable(""));
  CHECK(is_nfc_stable("caf\u00E9 \u6F22\u5B57 \uAC00"));
  CHECK(is_nfc_stable("\xE4\xFF\x80 \xE3\x81"));  // bytes that are no text stay
  CHECK_FALSE(
      is_nfc_stable("\xE4"
                    "e\u0301"));  // and hide nothing
}
