// SPDX-License-Identifier: Apache-2.0
// The readable text of an HTML page: headings ("## "), paragraphs, lists ("- "), table rows ("a | b") and preformatted
// blocks (fenced, verbatim), in reading order. Left out: scripts, forms, navigation, headers and footers of the site,
// hidden parts, and runs of blocks that are mostly links.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "lib/text/stage.h"

namespace hearth::text {

// html is valid UTF-8; text becomes the page's text, empty when it has none. Rejections: those of HtmlTree::parse.
std::optional<Rejection> html_to_text(std::string_view html, std::string& text);

}  // namespace hearth::text
