// SPDX-License-Identifier: Apache-2.0
// Jupyter notebooks (nbformat 3 and 4): Markdown cells as they are, code cells fenced with their language. Outputs are
// left out.
#pragma once
#include <optional>
#include <string_view>

#include "lib/text/extract/extracted.h"
#include "lib/text/stage.h"

namespace hearth::text {

// Rejections: "bad-json", and "no-text" for one without cells.
std::optional<Rejection> notebook_to_text(std::string_view json, Extracted& extracted);

}  // namespace hearth::text
