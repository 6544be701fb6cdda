// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/office.h"

#include "lib/text/encoding.h"
#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(office) {
  using namespace hearth::text;
  begins_like_office(bytes.substr(0, 4096));
  FileType type = FileType::text;
  Extracted extracted;
  if (!is_zip(bytes) && !is_compound_file(bytes)) return;
  if (!office_to_text(bytes, type, extracted)) hearth::fuzz::require(is_valid_utf8(extracted.text), "UTF-8");
}
