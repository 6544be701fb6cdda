// SPDX-License-Identifier: Apache-2.0
// Rich Text Format (Microsoft's specification 1.9.1): paragraphs, headings by style or outline level, list items,
// tables, notes; characters of all code pages. Pictures, objects, headers and footers are passed by.
#pragma once
#include <optional>
#include <string_view>

#include "lib/text/extract/extracted.h"
#include "lib/text/stage.h"

namespace hearth::text {

bool is_rtf(std::string_view head);

// Rejections: "no-text" for one without any.
std::optional<Rejection> rtf_to_text(std::string_view bytes, Extracted& extracted);

}  // namespace hearth::text
