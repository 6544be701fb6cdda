// SPDX-License-Identifier: Apache-2.0
#include "lib/infer/utf8_stream.h"

#include <cstddef>

namespace hearth::infer {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

struct Lead {
  std::size_t length;       // of the character, 0 when no character starts so
  unsigned char low, high;  // range of its second byte
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

std::string Utf8Stream::push(std::string_view bytes) {
  held_ += bytes;
  std::string shown;
  std::size_t at = 0;
  while (at < held_.size()) {
    const Lead lead = lead_of(static_cast<unsigned char>(held_[at]));
    std::size_t fit = lead.length == 0 ? 0 : 1;
    for (; fit > 0 && fit < lead.length && at + fit < held_.size(); ++fit) {
      const auto next = static_cast<unsigned char>(held_[at + fit]);
      if (next < (fit == 1 ? lead.low : 0x80) || next > (fit == 1 ? lead.high : 0xBF)) break;
    }
    if (fit > 0 && fit == lead.length) {
      shown.append(held_, at, fit);
    } else if (fit > 0 && at + fit == held_.size()) {
      break;  // so far valid: the rest may come
    } else {
      shown += replacement;
    }
    at += fit == 0 ? 1 : fit;
  }
  held_.erase(0, at);
  return shown;
}

std::string Utf8Stream::finish() {
  const bool incomplete = !held_.empty();
  held_.clear();
  return incomplete ? std::string(replacement) : "";
}

}  // namespace hearth::infer
