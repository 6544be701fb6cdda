// SPDX-License-Identifier: Apache-2.0
// An HTML page parsed by Gumbo, as the standard's own algorithm has it, safe for hostile pages: all nodes lie in one
// arena with a limit, freed at once, for Gumbo frees a tree recursively and a deep one would overflow the stack.
#pragma once
#include <gumbo.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "lib/text/stage.h"

namespace hearth::text {

class HtmlTree {
 public:
  HtmlTree();
  ~HtmlTree();
  HtmlTree(const HtmlTree&) = delete;
  HtmlTree& operator=(const HtmlTree&) = delete;

  // html must outlive the tree. Rejections: "html-too-deep" (the time would grow with nesting times tags) and
  // "html-too-large" (the tree would need more than 16 MiB and 32 times the page).
  std::optional<Rejection> parse(std::string_view html);
  const GumboNode* root() const { return root_; }  // the html element

 private:
  struct Arena;
  std::unique_ptr<Arena> arena_;
  const GumboNode* root_ = nullptr;
};

// The value of an attribute of an element, or "" when it has none.
std::string_view attribute(const GumboNode& element, const char* name);
bool has_attribute(const GumboNode& element, const char* name);

}  // namespace hearth::text
