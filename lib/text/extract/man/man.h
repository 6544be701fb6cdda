// SPDX-License-Identifier: Apache-2.0
// Manual pages written with the macros of man(7) or mdoc(7): headings, paragraphs, options and other items, displays
// as fenced blocks, tables of tbl(1) as rows.
#pragma once
#include <optional>
#include <string_view>

#include "lib/text/extract/extracted.h"
#include "lib/text/stage.h"

namespace hearth::text {

// True for what begins as a manual page, or stands for another one (".so man1/other.1").
bool looks_like_man(std::string_view head);

// Rejections: "man-link" for a page that only names another, "no-text".
std::optional<Rejection> man_to_text(std::string_view source, Extracted& extracted);

}  // namespace hearth::text
