// SPDX-License-Identifier: Apache-2.0
// Markdown stays as it is, but for what no reader sees: front matter (YAML or TOML at the top, whose title, author and
// date become attributes) and HTML comments outside code.
#pragma once
#include <string_view>

#include "lib/text/extract/extracted.h"

namespace hearth::text {

void markdown_to_text(std::string_view markdown, Extracted& extracted);

}  // namespace hearth::text
