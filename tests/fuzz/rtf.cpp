// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/rtf/rtf.h"

#include "lib/base/json_value.h"
#include "lib/text/encoding.h"
#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(rtf) {
  if (!hearth::text::is_rtf(bytes)) return;
  hearth::text::Extracted extracted;
  if (!hearth::text::rtf_to_text(bytes, extracted))
    hearth::fuzz::require(hearth::text::is_valid_utf8(extracted.text), "UTF-8");
  for (const auto& [name, value] : extracted.attributes) hearth::parse_json(value, name);
}
