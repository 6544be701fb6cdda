// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract.h"

#include "formats/jsonl.h"
#include "lib/base/json_value.h"
#include "lib/text/encoding.h"
#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(records) {
  const hearth::fuzz::MemoryFile file(bytes);
  hearth::formats::LineReader lines(file.path(), 1 << 16);
  for (hearth::formats::Line line; lines.next(line);) {
    hearth::Json value;
    std::string reason;
    hearth::formats::parse_line(line, value, reason);
  }
  hearth::text::Candidate candidate;
  if (hearth::text::extract_record(std::string(bytes), {.id = "id"}, candidate)) return;
  hearth::fuzz::require(hearth::text::is_valid_utf8(candidate.document.text), "UTF-8");
  hearth::parse_json(candidate.document.attributes, "attributes");
}
