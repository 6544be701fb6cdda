// SPDX-License-Identifier: Apache-2.0
// reStructuredText (docutils.sourceforge.io/docs/ref/rst/restructuredtext.html), with the directives and roles of
// docutils and Sphinx: what a reader sees of it. Comments, link targets, images and what other files hold are left out.
#pragma once
#include <optional>
#include <string_view>

#include "lib/text/extract/extracted.h"
#include "lib/text/stage.h"

namespace hearth::text {

// Rejection: "no-text".
std::optional<Rejection> rst_to_text(std::string_view source, Extracted& extracted);

}  // namespace hearth::text
