// SPDX-License-Identifier: Apache-2.0
#include "lib/text/html.h"

#include "lib/text/encoding.h"
#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(html) {
  if (!hearth::text::is_valid_utf8(bytes)) return;
  std::string text;
  if (!hearth::text::html_to_text(bytes, text)) hearth::fuzz::require(hearth::text::is_valid_utf8(text), "UTF-8");
}
