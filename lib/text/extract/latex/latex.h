// SPDX-License-Identifier: Apache-2.0
// LaTeX documents: sections, lists, tables, displayed code; formulas stay as they are written. Comments and the
// preamble go, simple macros of the document's own (\newcommand, \def) are expanded, other files it takes in are named
// in the attribute "inputs".
#pragma once
#include <optional>
#include <string_view>

#include "lib/text/extract/extracted.h"
#include "lib/text/stage.h"

namespace hearth::text {

// True for what is a text, or a part of one; false for packages and macros, which are code.
bool looks_like_latex_document(std::string_view head);

// Rejection: "no-text".
std::optional<Rejection> latex_to_text(std::string_view source, Extracted& extracted);

}  // namespace hearth::text
