// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/man/man.h"

#include "lib/base/json_value.h"
#include "lib/text/encoding.h"
#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(man) {
  if (!hearth::text::is_valid_utf8(bytes)) return;
  hearth::text::looks_like_man(bytes.substr(0, 4096));
  hearth::text::Extracted extracted;
  if (!hearth::text::man_to_text(bytes, extracted))
    hearth::fuzz::require(hearth::text::is_valid_utf8(extracted.text), "UTF-8");
  for (const auto& [name, value] : extracted.attributes) hearth::parse_json(value, name);
}
