// SPDX-License-Identifier: Apache-2.0
// A page as a flat list of blocks, in reading order: headings, paragraphs, list items, table rows, preformatted text.
// What is never content (scripts, forms, navigation) is left out already; each block says how much of it is links.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/text/html_tree.h"

namespace hearth::text {

struct HtmlBlock {
  enum class Kind : std::uint8_t { paragraph, heading, item, row, preformatted } kind = Kind::paragraph;
  int level = 0;          // of a heading: 1 to 6; of a row: its table's number; of others: in how many lists it stands
  std::string marker;     // of an item's first block: "- " or "3. "
  std::string text;       // white space collapsed, but for preformatted text
  std::size_t n_ink = 0;  // bytes that are not white space
  std::size_t n_link_ink = 0;  // those of them inside links
};

// The blocks of the subtree of root. Walks with its own stack: depth does not matter.
std::vector<HtmlBlock> html_blocks(const GumboNode& root);

// The page's title (its title element), white space collapsed; "" for none.
std::string html_title(const GumboNode& root);

// The element a page marks as its content: the one main element, or role="main", or the only article; null for none.
const GumboNode* main_element(const GumboNode& root);

}  // namespace hearth::text
