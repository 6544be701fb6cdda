// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/notebook.h"

#include "lib/text/encoding.h"
#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(notebook) {
  if (!hearth::text::is_valid_utf8(bytes)) return;
  hearth::text::Extracted extracted;
  if (!hearth::text::notebook_to_text(bytes, extracted))
    hearth::fuzz::require(hearth::text::is_valid_utf8(extracted.text), "UTF-8");
}
