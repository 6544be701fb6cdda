// SPDX-License-Identifier: Apache-2.0
// The formats whose reading is not trusted with the process of the run: libraries of others parse them, or they unpack
// to more than they are. One pure function reads them all, in whatever process it is called.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/text/extract/extracted.h"
#include "lib/text/file_type.h"
#include "lib/text/stage.h"

namespace hearth::text {

enum class ForeignFormat : std::uint8_t {
  html,      // valid UTF-8, parsed by Gumbo
  notebook,  // valid UTF-8, JSON of any size and depth
  office,    // the bytes of a zip archive or a compound file: inflated, its XML parsed by pugixml
};

struct Parsed {
  FileType type = FileType::text;      // of office: which it is
  Extracted extracted;                 // text and values are valid UTF-8
  std::optional<Rejection> rejection;  // those of html_to_text, notebook_to_text, office_to_text
};

Parsed parse_foreign(ForeignFormat format, std::string_view bytes);

}  // namespace hearth::text
