// SPDX-License-Identifier: Apache-2.0
#include "lib/text/isolation/parse.h"

#include "lib/text/extract/notebook.h"
#include "lib/text/extract/office.h"
#include "lib/text/html.h"

namespace hearth::text {

Parsed parse_foreign(ForeignFormat format, std::string_view bytes) {
  Parsed parsed;
  switch (format) {
    case ForeignFormat::html:
      parsed.type = FileType::html;
      parsed.rejection = html_to_text(bytes, parsed.extracted.text);
      break;
    case ForeignFormat::notebook:
      parsed.type = FileType::notebook;
      parsed.rejection = notebook_to_text(bytes, parsed.extracted);
      break;
    case ForeignFormat::office:
      parsed.rejection = office_to_text(bytes, parsed.type, parsed.extracted);
      break;
  }
  return parsed;
}

}  // namespace hearth::text
