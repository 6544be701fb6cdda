// SPDX-License-Identifier: Apache-2.0
#include "lib/text/encoding.h"

#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(encodings) {
  using namespace hearth::text;
  Decoded decoded;
  if (!decode(std::string(bytes), decoded)) hearth::fuzz::require(is_valid_utf8(decoded.text), "UTF-8");
  const std::size_t line = bytes.find('\n');
  if (line > 20 || line == std::string_view::npos) return;
  Decoded declared;
  if (!decode_as(bytes.substr(0, line), bytes.substr(line + 1), declared))
    hearth::fuzz::require(is_valid_utf8(declared.text), "UTF-8");
}
