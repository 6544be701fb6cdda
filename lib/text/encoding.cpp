// SPDX-License-Identifier: Apache-2.0
#include "lib/text/encoding.h"

#include <array>

#include "lib/text/byte_scan.h"

namespace hearth::text {
namespace {

constexpr char32_t replacement = 0xfffd;
constexpr std::uint64_t text_bytes_per_control = 200;  // a rarer control byte is a blemish, a more frequent one is data
constexpr std::uint64_t foreign_run = 3, least_foreign_bytes = 8, least_guessed_bytes = 64;

// Windows-1252, 0x80 to 0x9f; 0 is undefined.
constexpr std::array<char16_t, 32> upper_controls = {0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
                                                     0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017d, 0,
                                                     0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                                     0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// Control bytes that text does not use: not tab, line feed, form feed, carriage return, backspace, escape.
std::uint64_t count_binary_controls(std::string_view bytes) {
  const auto is_binary = [](unsigned char c) {
    return (c < 0x20) & (c != '\t') & (c != '\n') & (c != '\f') & (c != '\r') & (c != '\b') & (c != 0x1b);
  };
  std::uint64_t count = 0;
  for (std::size_t at = find_byte(bytes, 0, is_binary); at < bytes.size(); at = find_byte(bytes, at + 1, is_binary))
    ++count;
  return count;
}

// How many bytes at text[at] begin a sequence that valid bytes could continue: 0 or 1 to 3, or the whole sequence.
struct Sequence {
  std::size_t length = 0;
  bool complete = false;
};

Sequence sequence_at(std::string_view text, std::size_t at) {
  const unsigned char lead = byte_at(text, at);
  if (lead < 0x80) return {1, true};
  if (lead < 0xc2 || lead > 0xf4) return {};
  const std::size_t wanted = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // The second byte excludes overlong forms, surrogates and what lies beyond U+10FFFF (Unicode, table 3-7).
  const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  std::size_t length = 1;
  while (length < wanted && at + length < text.size()) {
    const unsigned char byte = byte_at(text, at + length);
    if (byte < (length == 1 ? low : 0x80) || byte > (length == 1 ? high : 0xbf)) break;
    ++length;
  }
  return {length, length == wanted};
}

std::size_t first_invalid(std::string_view text) {
  for (std::size_t at = 0;;) {
    at = skip_ascii(text, at);
    if (at == text.size()) return at;
    const std::size_t length = utf8_sequence(text, at);
    if (length == 0) return at;
    at += length;
  }
}

std::optional<Rejection> decode_utf8(std::string bytes, Decoded& decoded) {
  const std::size_t valid = first_invalid(bytes);
  if (valid == bytes.size()) {
    decoded.text = std::move(bytes);
    return std::nullopt;
  }
  std::string out(bytes, 0, valid);
  out.reserve(bytes.size() + bytes.size() / 16);
  std::uint64_t n_foreign = 0, n_in_runs = 0, run = 0;
  bool has_multibyte = skip_ascii(bytes, 0) < valid;
  for (std::size_t at = valid; at < bytes.size();) {
    const Sequence sequence = sequence_at(bytes, at);
    if (sequence.complete || sequence.length > 1) {
      run = 0;
      has_multibyte = has_multibyte || sequence.length > 1;
      if (sequence.complete) {
        out.append(bytes, at, sequence.length);
      } else {
        append_utf8(out, replacement);
        ++decoded.n_replaced;
      }
      at += sequence.length;
      continue;
    }
    const char32_t meant = from_windows1252(byte_at(bytes, at++));
    append_utf8(out, meant);
    decoded.n_replaced += meant == replacement ? 1 : 0;
    ++n_foreign;
    n_in_runs += ++run > foreign_run ? 1 : run == foreign_run ? foreign_run : 0;
  }
  // Characters cut short: letters of 8 bits that happen to begin sequences.
  const bool is_foreign = n_foreign >= least_foreign_bytes && n_in_runs * 2 > n_foreign;
  const bool is_broken = decoded.n_replaced * text_bytes_per_control > bytes.size();
  if ((is_foreign || is_broken) && n_foreign + decoded.n_replaced >= least_guessed_bytes &&
      decode_by_guess(bytes, decoded)) {
    return std::nullopt;
  }
  if (is_foreign) {
    decoded.text = std::move(bytes);
    return Rejection{"unknown-encoding", std::to_string(n_foreign) +
                                             " bytes are neither UTF-8 nor Western European; convert "
                                             "the file to UTF-8 (iconv)"};
  }
  decoded.text = std::move(out);
  decoded.encoding = has_multibyte ? Encoding::mixed : Encoding::windows1252;
  return std::nullopt;
}

char32_t read_unit(std::string_view bytes, std::size_t at, std::size_t width, bool big_endian) {
  char32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    value = (value << 8) | byte_at(bytes, at + (big_endian ? i : width - 1 - i));
  }
  return value;
}

// UTF-16 (width 2) or UTF-32 (width 4) behind its byte-order mark.
std::optional<Rejection> decode_wide(std::string_view bytes, std::size_t width, bool big_endian, Decoded& decoded) {
  decoded.encoding = width == 2 ? Encoding::utf16 : Encoding::utf32;
  decoded.text.reserve(bytes.size() / width + bytes.size() / 8);
  std::uint64_t n_characters = 0;
  for (std::size_t at = width; at < bytes.size(); at += width, ++n_characters) {
    char32_t value = at + width <= bytes.size() ? read_unit(bytes, at, width, big_endian) : replacement;
    if (width == 2 && value >= 0xd800 && value < 0xdc00 && at + 2 * width <= bytes.size()) {
      const char32_t low = read_unit(bytes, at + width, width, big_endian);
      if (low >= 0xdc00 && low < 0xe000) {
        value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
        at += width;
      }
    }
    if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) value = replacement;
    decoded.n_replaced += value == replacement ? 1 : 0;
    append_utf8(decoded.text, value);
  }
  const std::uint64_t n_wrong = decoded.n_replaced + count_binary_controls(decoded.text);
  if (n_wrong > 1 && n_wrong * text_bytes_per_control > n_characters) {
    decoded.text.clear();
    return Rejection{"not-text", "begins like " + std::string(name_of(decoded.encoding)) + ", but " +
                                     std::to_string(n_wrong) + " of " + std::to_string(n_characters) +
                                     " characters are not text"};
  }
  return std::nullopt;
}

bool is_page_description(std::string_view bytes) {
  return bytes.starts_with("%PDF-") || bytes.starts_with("%!PS-Adobe");
}

struct Mark {
  std::size_t width = 0;  // of the encoding's unit; 0: no mark
  bool big_endian = false;
};

Mark byte_order_mark(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.starts_with("\xef\xbb\xbf"sv)) return {1, false};
  if (bytes.starts_with("\xff\xfe\0\0"sv)) return {4, false};
  if (bytes.starts_with("\0\0\xfe\xff"sv)) return {4, true};
  if (bytes.starts_with("\xff\xfe"sv)) return {2, false};
  if (bytes.starts_with("\xfe\xff"sv)) return {2, true};
  return {};
}

}  // namespace

std::string_view name_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::utf8:
      return "utf-8";
    case Encoding::mixed:
      return "utf-8+windows-1252";
    case Encoding::windows1252:
      return "windows-1252";
    case Encoding::utf16:
      return "utf-16";
    case Encoding::utf32:
      return "utf-32";
    case Encoding::declared:
      return "declared";
    case Encoding::guessed:
      return "guessed";
  }
  return "";
}

bool looks_binary(std::string_view bytes) {
  if (byte_order_mark(bytes).width > 0) return false;
  if (is_page_description(bytes)) return true;  // whose first bytes may all be printable
  return count_binary_controls(bytes) * text_bytes_per_control > bytes.size();
}

std::optional<Rejection> decode(std::string bytes, Decoded& decoded) {
  const Mark mark = byte_order_mark(bytes);
  if (mark.width > 1) return decode_wide(bytes, mark.width, mark.big_endian, decoded);
  if (mark.width == 1) bytes.erase(0, 3);
  if (looks_binary(bytes)) {
    if (is_page_description(bytes)) return Rejection{"not-text", "a PDF or PostScript file: drawn pages"};
    return Rejection{"not-text", std::to_string(count_binary_controls(bytes)) + " of " + std::to_string(bytes.size()) +
                                     " bytes are control characters"};
  }
  if (mark.width == 0 && first_invalid(bytes) < bytes.size()) {
    const std::string charset = declared_charset(bytes);
    const bool says_utf8 = charset == "utf-8" || charset == "utf8";  // wrongly: some bytes are not
    if (!charset.empty() && !says_utf8 && !decode_as(charset, bytes, decoded)) return std::nullopt;
    decoded = {};
  }
  return decode_utf8(std::move(bytes), decoded);
}

std::size_t utf8_sequence(std::string_view text, std::size_t at) {
  const Sequence sequence = sequence_at(text, at);
  return sequence.complete ? sequence.length : 0;
}

bool is_valid_utf8(std::string_view text) {
  return first_invalid(text) == text.size();
}

std::uint64_t count_characters(std::string_view text) {
  std::uint64_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return count;
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((code_point >> shift) & 0x3f)); };
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += {static_cast<char>(0xc0 | (code_point >> 6)), tail(0)};
  } else if (code_point < 0x10000) {
    out += {static_cast<char>(0xe0 | (code_point >> 12)), tail(6), tail(0)};
  } else {
    out += {static_cast<char>(0xf0 | (code_point >> 18)), tail(12), tail(6), tail(0)};
  }
}

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const unsigned char lead = byte_at(text, at++);
  if (lead < 0x80) return lead;
  const int n_tail = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
  char32_t value = lead & (0x3f >> n_tail);
  for (int i = 0; i < n_tail; ++i) value = (value << 6) | (byte_at(text, at++) & 0x3f);
  return value;
}

char32_t from_windows1252(unsigned char byte) {
  if (byte >= 0xa0) return byte;
  const char16_t meant = upper_controls[byte & 0x1f];
  return meant == 0 ? replacement : meant;
}

}  // namespace hearth::text
