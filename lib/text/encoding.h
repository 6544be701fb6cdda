// SPDX-License-Identifier: Apache-2.0
// Bytes of unknown encoding to UTF-8. The rules, in this order:
//   1. A byte-order mark names UTF-8, UTF-16 or UTF-32 (either order) and is stripped.
//   2. More than one byte in 200 a control character that text does not use (NUL is one): not text.
//   3. Otherwise UTF-8. A byte outside every valid sequence is read as Windows-1252, whose upper half is Latin-1 for
//      letters: files written partly in each are common. A sequence cut short after two bytes or more, a lone surrogate
//      and a byte Windows-1252 leaves undefined become U+FFFD.
//   4. With such bytes, a charset that the head declares is believed (declared_charset).
//   5. Such bytes mostly in runs of three and more are another encoding (Cyrillic, Chinese, ...). With 64 of them and
//      more it is guessed (decode_by_guess); where that fails the file is refused.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/text/stage.h"

namespace hearth::text {

enum class Encoding : std::uint8_t { utf8, mixed, windows1252, utf16, utf32, declared, guessed };
std::string_view name_of(
    Encoding encoding);  // "utf-8", "utf-8+windows-1252", "windows-1252", "utf-16", "utf-32", "declared", "guessed"

struct Decoded {
  std::string text;  // valid UTF-8
  Encoding encoding = Encoding::utf8;
  std::string charset;           // of a declared or guessed encoding: its name in lower case
  std::uint64_t n_replaced = 0;  // U+FFFD that decoding put in
};

// Decodes bytes, or says why not: "not-text", or "unknown-encoding", when decoded.text holds the bytes as they were.
std::optional<Rejection> decode(std::string bytes, Decoded& decoded);

// Decodes bytes of a charset that somebody declared ("iso-8859-2", "Shift_JIS", any case), through iconv. Bytes that
// mean nothing in it become U+FFFD. Rejection "unknown-encoding" for a charset that is not among the common ones, or
// when more than one character in twenty would be lost.
std::optional<Rejection> decode_as(std::string_view charset, std::string_view bytes, Decoded& decoded);

// Decodes bytes of the charset that they look to be in. False when they look like none, or what comes out does not read
// like writing.
bool decode_by_guess(std::string_view bytes, Decoded& decoded);

// The charset that text declares in its own head ("<meta charset=...>", "<?xml encoding=...?>", "coding: ..." of the
// first two lines), in lower case; "" for none.
std::string declared_charset(std::string_view bytes);

// The first rule that tells binary from text, for the beginning of a file: true saves reading the rest.
bool looks_binary(std::string_view bytes);

// The length of the valid UTF-8 sequence at text[at], or 0 for none there. at < text.size().
std::size_t utf8_sequence(std::string_view text, std::size_t at);
bool is_valid_utf8(std::string_view text);
std::uint64_t count_characters(std::string_view text);  // code points of valid UTF-8

void append_utf8(std::string& out, char32_t code_point);
// The code point at text[at] of valid UTF-8; moves at behind it.
char32_t next_code_point(std::string_view text, std::size_t& at);
// What Windows-1252 means by a byte of 0x80 to 0xff; U+FFFD for the five it leaves undefined.
char32_t from_windows1252(unsigned char byte);

}  // namespace hearth::text
