// SPDX-License-Identifier: Apache-2.0
#include "lib/text/mail/transfer.h"

#include <algorithm>
#include <cstdint>

namespace hearth::text {
namespace {

int value_of_hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

int value_of_base64(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

// Appends the byte that two digits behind mark say; false when they do not.
bool append_hex(std::string_view text, std::size_t mark, std::string& out) {
  if (mark + 2 >= text.size()) return false;
  const int high = value_of_hex(text[mark + 1]), low = value_of_hex(text[mark + 2]);
  if (high < 0 || low < 0) return false;
  out += static_cast<char>(high * 16 + low);
  return true;
}

}  // namespace

std::string decode_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int n_bits = 0;
  for (const char c : text) {
    if (c == '=') {  // the end of a run; another may follow
      bits = 0;
      n_bits = 0;
      continue;
    }
    const int value = value_of_base64(c);
    if (value < 0) continue;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    out += static_cast<char>(bits >> n_bits & 0xff);
  }
  return out;
}

std::string decode_quoted_printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    const bool has_break = end < text.size();
    text.remove_prefix(std::min(end + 1, text.size()));
    line = line.substr(0, line.find_last_not_of(" \t\r") + 1);  // npos + 1 is 0; what transport added
    const bool soft = line.ends_with('=');
    if (soft) line.remove_suffix(1);
    for (std::size_t at = 0; at < line.size(); ++at) {
      if (line[at] == '=' && append_hex(line, at, out)) {
        at += 2;
      } else {
        out += line[at];
      }
    }
    if (!soft && has_break) out += '\n';
  }
  return out;
}

std::string decode_q(std::string_view word) {
  std::string out;
  for (std::size_t at = 0; at < word.size(); ++at) {
    if (word[at] == '=' && append_hex(word, at, out)) {
      at += 2;
    } else {
      out += word[at] == '_' ? ' ' : word[at];
    }
  }
  return out;
}

std::string decode_percent(std::string_view value) {
  std::string out;
  for (std::size_t at = 0; at < value.size(); ++at) {
    if (value[at] == '%' && append_hex(value, at, out)) {
      at += 2;
    } else {
      out += value[at];
    }
  }
  return out;
}

std::string decode_uu(std::string_view text) {
  std::string out;
  bool inside = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!inside) {
      inside = line.starts_with("begin ");
      continue;
    }
    if (line.starts_with("end")) break;
    const auto value = [&](std::size_t at) {
      return at < line.size() ? static_cast<std::uint32_t>(line[at] - ' ') & 63 : 0u;
    };
    const std::size_t wanted = out.size() + value(0);
    for (std::size_t at = 1; out.size() < wanted && at < line.size(); at += 4) {
      const std::uint32_t bits = value(at) << 18 | value(at + 1) << 12 | value(at + 2) << 6 | value(at + 3);
      for (const int shift : {16, 8, 0}) {
        if (out.size() < wanted) out += static_cast<char>(bits >> shift & 0xff);
      }
    }
  }
  return out;
}

}  // namespace hearth::text
