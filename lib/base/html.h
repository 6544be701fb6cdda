// SPDX-License-Identifier: Apache-2.0
// What the report pages of all tools share: one file each, no scripts, nothing from the network, light and dark.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth {

std::string escape_html(std::string_view text);

// A whole page around body. style is CSS beside the shared one; refresh_seconds > 0 lets a browser load it again.
std::string html_page(std::string_view title, std::string_view style, std::string_view body, int refresh_seconds = 0);

// A figure with its label; a row of them stands in <div class="tiles">.
std::string html_tile(std::string_view value, std::string_view label);

// A titled table of labels and values.
std::string html_table(std::string_view title, const std::vector<std::pair<std::string, std::string>>& rows);

}  // namespace hearth
