// SPDX-License-Identifier: Apache-2.0
#include "lib/text/normalize.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "lib/base/error.h"
#include "lib/text/byte_scan.h"
#include "lib/text/encoding.h"

namespace hearth::text {
namespace {

// Ranges of characters that are stable (see is_stable_character), most used first found by binary search. Everything
// else takes the slow path, so the list may be short; that all its members are stable is tested against utf8proc.
struct Range {
  char32_t first, last;
};
constexpr std::array<Range, 24> stable_ranges = {{
    {0x0000, 0x02ff},                                        // Latin
    {0x0391, 0x0482},                                        // Greek, Cyrillic
    {0x048a, 0x0590},                                        // Cyrillic, Armenian
    {0x05be, 0x05be},                                        // Hebrew
    {0x05d0, 0x05f4},   {0x0620, 0x064a},                    // Arabic
    {0x0660, 0x066f},   {0x0e01, 0x0e37},                    // Thai
    {0x1e00, 0x1eff},                                        // Latin
    {0x2002, 0x20cf},                                        // punctuation, currency
    {0x2100, 0x2125},                                        // letter-like
    {0x212c, 0x2328},                                        // arrows, operators
    {0x232b, 0x2adb},                                        // technical, boxes, dingbats
    {0x2b00, 0x2bff},   {0x3000, 0x3029},                    // Chinese and Japanese
    {0x3030, 0x3098},   {0x309b, 0x9fff}, {0xac00, 0xd7a3},  // Korean
    {0xe000, 0xf8ff},                                        // private use
    {0xfe30, 0xfefe},   {0xff00, 0xfffd},                    // full width
    {0x1d400, 0x1d7ff},                                      // mathematical letters
    {0x1f000, 0x1faff},                                      // pictures
    {0x20000, 0x2a6df},                                      // Chinese
}};

// A C0 control or DEL to treat, or the lead byte of the C1 controls (and of U+00A0 to U+00BF, which stay).
bool needs_care(unsigned char byte) {
  return ((byte < 0x20) & (byte != '\t') & (byte != '\n') & (byte != '\f')) | (byte == 0x7f) | (byte == 0xc2);
}

// The end of the terminal sequence that begins with the escape at text[at] (ECMA-48), or behind the escape alone.
std::size_t skip_escape(std::string_view text, std::size_t at) {
  constexpr std::size_t longest = 256;
  const std::size_t limit = std::min(text.size(), at + longest);
  std::size_t end = at + 2;
  if (at + 1 >= text.size()) return at + 1;
  if (text[at + 1] == '[') {
    while (end < limit && text[end] >= 0x20 && text[end] < 0x40) ++end;
    return end < limit && text[end] >= 0x40 && text[end] < 0x7f ? end + 1 : at + 1;
  }
  if (text[at + 1] != ']') return at + 1;
  while (end < limit && text[end] != '\a' && text[end] != '\x1b' && text[end] != '\n') ++end;
  if (end < limit && text[end] == '\a') return end + 1;
  return end + 1 < limit && text[end] == '\x1b' && text[end + 1] == '\\' ? end + 2 : at + 1;
}

void drop_last_character(std::string& out) {
  while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80) out.pop_back();
  if (!out.empty()) out.pop_back();
}

// What stands at text[at], which needs care: appends what it becomes and returns where the next begins.
std::size_t clean_one(std::string_view text, std::size_t at, std::string& out, Repairs& repairs) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte == '\r' || byte == '\v') {
    out += '\n';
    repairs.line_ends = true;
    return at + (byte == '\r' && at + 1 < text.size() && text[at + 1] == '\n' ? 2 : 1);
  }
  if (byte == 0xc2) {
    const auto tail = static_cast<unsigned char>(text[at + 1]);
    if (tail >= 0xa0) {
      out.append(text, at, 2);
      return at + 2;
    }
    repairs.controls = true;
    const char32_t meant = from_windows1252(tail);
    if (meant != 0xfffd) append_utf8(out, meant);
    return at + 2;
  }
  repairs.controls = true;
  if (byte == 0x1b) return skip_escape(text, at);
  if (byte == '\b' && at + 1 < text.size() && !out.empty() && out.back() != '\n') {
    if (text[at + 1] == '_' && out.back() != '_') return at + 2;
    drop_last_character(out);
  }
  return at + 1;
}

std::string clean_controls(std::string text, Repairs& repairs) {
  std::size_t at = find_byte(text, 0, needs_care);
  if (at == text.size()) return text;
  std::string out;
  out.reserve(text.size());
  const std::string_view all = text;
  for (std::size_t done = 0;;) {
    out.append(all, done, at - done);
    if (at == all.size()) return out;
    done = clean_one(all, at, out, repairs);
    at = find_byte(all, done, needs_care);
  }
}

// The first byte at or behind at that begins a character which is not stable, or text.size().
std::size_t find_unstable(std::string_view text, std::size_t at) {
  while (true) {
    at = find_byte(text, at, [](unsigned char byte) { return byte >= 0xcc; });  // U+0300 and above
    if (at == text.size()) return at;
    const std::size_t begin = at;
    if (!is_stable_character(next_code_point(text, at))) return begin;
  }
}

// The first stable character behind the unstable one at at: what stands before it is composed without it.
std::size_t find_stable(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const std::size_t begin = at;
    if (is_stable_character(next_code_point(text, at))) return begin;
  }
  return at;
}

void append_composed(std::string& out, std::string_view part) {
  utf8proc_uint8_t* result = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(part.data()), static_cast<utf8proc_ssize_t>(part.size()),
                   &result, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(result, &std::free);
  HEARTH_CHECK(length >= 0, utf8proc_errmsg(length));
  out.append(reinterpret_cast<const char*>(result), static_cast<std::size_t>(length));
}

}  // namespace

bool is_stable_character(char32_t code_point) {
  const auto* range = std::upper_bound(stable_ranges.begin(), stable_ranges.end(), code_point,
                                       [](char32_t wanted, const Range& each) { return wanted < each.first; });
  return range != stable_ranges.begin() && code_point <= std::prev(range)->last;
}

std::string compose(std::string text) {
  std::size_t unstable = find_unstable(text, 0);
  if (unstable == text.size()) return text;
  std::string out;
  out.reserve(text.size() + text.size() / 16);
  const std::string_view all = text;
  for (std::size_t done = 0;;) {
    std::size_t begin = unstable;  // the stable character before may be the base of what follows
    while (begin > done && (static_cast<unsigned char>(all[--begin]) & 0xc0) == 0x80) {
    }
    out.append(all, done, begin - done);
    done = find_stable(all, unstable);
    append_composed(out, all.substr(begin, done - begin));
    unstable = find_unstable(all, done);
    if (unstable == all.size()) {
      out.append(all, done);
      return out;
    }
  }
}

std::string normalize(std::string text, Repairs& repairs) {
  std::string clean = clean_controls(std::move(text), repairs);
  if (find_unstable(clean, 0) == clean.size()) return clean;
  std::string composed = compose(clean);
  repairs.composed = repairs.composed || composed != clean;
  return composed;
}

}  // namespace hearth::text
