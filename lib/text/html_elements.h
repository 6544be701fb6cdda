// SPDX-License-Identifier: Apache-2.0
// What the elements of a page mean for its text, and a walk over them without recursion.
#pragma once
#include <gumbo.h>

#include <vector>

#include "lib/text/html_tree.h"

namespace hearth::text {

inline bool is_element(const GumboNode& node) {
  return node.type == GUMBO_NODE_ELEMENT || node.type == GUMBO_NODE_TEMPLATE;
}
inline GumboTag tag_of(const GumboNode& node) {
  return is_element(node) ? node.v.element.tag : GUMBO_TAG_UNKNOWN;
}
inline int heading_level(GumboTag tag) {
  return tag >= GUMBO_TAG_H1 && tag <= GUMBO_TAG_H6 ? tag - GUMBO_TAG_H1 + 1 : 0;
}

bool is_block(GumboTag tag);  // begins and ends a paragraph
bool is_list(GumboTag tag);

// True for what is not content, with everything inside it: scripts, forms, navigation, hidden parts, page furniture.
bool is_furniture(const GumboNode& element, bool inside_article);

// Preformatted, also as Doxygen and others write it: a div of lines.
bool is_preformatted(const GumboNode& node);

// A table that only arranges the page: it holds blocks that are more than a cell's text, or has but one column.
bool arranges_page(const GumboNode& table);

// Declarations of functions that Doxygen lays out as tables: their cells are words of one line.
bool cells_are_words(const GumboNode& table);

// Visits root and all below it in order: enter(node) says whether to go inside; leave(node) follows for those it did.
template <class Enter, class Leave>
void walk(const GumboNode& root, Enter enter, Leave leave) {
  struct Frame {
    const GumboNode* node;
    unsigned next;  // child
  };
  if (!enter(root)) return;
  std::vector<Frame> stack{{&root, 0}};
  while (!stack.empty()) {
    const Frame top = stack.back();
    if (!is_element(*top.node) || top.next == top.node->v.element.children.length) {
      leave(*top.node);
      stack.pop_back();
      continue;
    }
    ++stack.back().next;
    const auto& child = *static_cast<const GumboNode*>(top.node->v.element.children.data[top.next]);
    if (enter(child)) stack.push_back({&child, 0});
  }
}

// Visits root and all below it for which enter(node) says to go inside.
template <class Enter>
void walk(const GumboNode& root, Enter enter) {
  walk(root, enter, [](const GumboNode&) {});
}

}  // namespace hearth::text
