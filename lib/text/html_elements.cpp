// SPDX-License-Identifier: Apache-2.0
#include "lib/text/html_elements.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <initializer_list>

#include "lib/base/text.h"

namespace hearth::text {
namespace {

class TagSet {
 public:
  TagSet(std::initializer_list<GumboTag> tags) {
    for (const GumboTag tag : tags) set_.set(tag);
  }
  bool has(GumboTag tag) const { return set_.test(tag); }

 private:
  std::bitset<GUMBO_TAG_LAST + 1> set_;
};

template <std::size_t n>
bool is_one_of(std::string_view word, const std::array<std::string_view, n>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Calls test on each word of a class or id attribute until it says true.
template <class Test>
bool any_word(std::string_view words, Test test) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find_first_of(" \t\n\r\f"), words.size());
    if (end > 0 && test(words.substr(0, end))) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

bool has_class(const GumboNode& node, std::string_view name) {
  return any_word(attribute(node, "class"), [&](std::string_view word) { return word == name; });
}

bool holds_heading(const GumboNode& root) {
  bool holds = false;
  walk(root, [&](const GumboNode& node) {
    holds = holds || heading_level(tag_of(node)) > 0;
    return !holds;
  });
  return holds;
}

// Names of page furniture in class and id attributes, as used by documentation generators and common site themes.
bool names_furniture(std::string_view word) {
  static constexpr std::array<std::string_view, 21> whole = {
      "nav",        "navigation",  "menu",      "navheader",     "navfooter", "nav-panel",     "footer",
      "breadcrumb", "breadcrumbs", "sidebar",   "headerlink",    "permalink", "anchorjs-link", "linenos",
      "lineno",     "linenumber",  "skip-link", "cookie-banner", "advert",    "toc",           "table-of-contents"};
  static constexpr std::array<std::string_view, 8> starts = {"navbar",        "navpath",     "nav-path",    "navrow",
                                                             "sphinxsidebar", "site-footer", "page-footer", "social-"};
  return is_one_of(word, whole) ||
         std::any_of(starts.begin(), starts.end(), [&](std::string_view start) { return word.starts_with(start); });
}

// A mark that leads to the place where it stands: "#" or a pilcrow behind a heading.
bool is_self_link(const GumboNode& node) {
  const GumboVector& children = node.v.element.children;
  if (node.v.element.tag != GUMBO_TAG_A || children.length != 1 || !attribute(node, "href").starts_with("#")) {
    return false;
  }
  const auto& only = *static_cast<const GumboNode*>(children.data[0]);
  if (only.type != GUMBO_NODE_TEXT) return false;
  const std::string_view text = trim(only.v.text.text);
  return text == "#" || text == "\u00b6" || text == "\u00a7" || text == "\U0001f517";
}

}  // namespace

bool is_furniture(const GumboNode& node, bool inside_article) {
  static const TagSet never_content{
      GUMBO_TAG_HEAD,   GUMBO_TAG_SCRIPT, GUMBO_TAG_STYLE,  GUMBO_TAG_NOSCRIPT, GUMBO_TAG_TEMPLATE, GUMBO_TAG_NAV,
      GUMBO_TAG_FOOTER, GUMBO_TAG_ASIDE,  GUMBO_TAG_BUTTON, GUMBO_TAG_SELECT,   GUMBO_TAG_TEXTAREA, GUMBO_TAG_IFRAME,
      GUMBO_TAG_OBJECT, GUMBO_TAG_CANVAS, GUMBO_TAG_SVG,    GUMBO_TAG_AUDIO,    GUMBO_TAG_VIDEO,    GUMBO_TAG_NOFRAMES};
  const GumboTag tag = node.v.element.tag;
  if (never_content.has(tag)) return true;
  if (tag == GUMBO_TAG_HTML || tag == GUMBO_TAG_BODY) return false;
  if (tag == GUMBO_TAG_HEADER && !inside_article) return true;
  if (tag == GUMBO_TAG_FORM && !holds_heading(node)) return true;  // some sites put the whole page into one
  static constexpr std::array<std::string_view, 5> roles = {"navigation", "banner", "contentinfo", "search",
                                                            "complementary"};
  if (node.v.element.attributes.length == 0) return false;
  return is_self_link(node) || is_one_of(attribute(node, "role"), roles) || has_attribute(node, "hidden") ||
         attribute(node, "aria-hidden") == "true" ||
         attribute(node, "style").find("display:none") != std::string_view::npos ||
         any_word(attribute(node, "class"), names_furniture) || any_word(attribute(node, "id"), names_furniture);
}

bool is_block(GumboTag tag) {
  static const TagSet blocks{
      GUMBO_TAG_HTML,      GUMBO_TAG_BODY,       GUMBO_TAG_DIV,        GUMBO_TAG_P,       GUMBO_TAG_SECTION,
      GUMBO_TAG_ARTICLE,   GUMBO_TAG_MAIN,       GUMBO_TAG_HEADER,     GUMBO_TAG_H1,      GUMBO_TAG_H2,
      GUMBO_TAG_H3,        GUMBO_TAG_H4,         GUMBO_TAG_H5,         GUMBO_TAG_H6,      GUMBO_TAG_HGROUP,
      GUMBO_TAG_UL,        GUMBO_TAG_OL,         GUMBO_TAG_LI,         GUMBO_TAG_DL,      GUMBO_TAG_DT,
      GUMBO_TAG_DD,        GUMBO_TAG_DIR,        GUMBO_TAG_MENU,       GUMBO_TAG_TABLE,   GUMBO_TAG_CAPTION,
      GUMBO_TAG_THEAD,     GUMBO_TAG_TBODY,      GUMBO_TAG_TFOOT,      GUMBO_TAG_TR,      GUMBO_TAG_TD,
      GUMBO_TAG_TH,        GUMBO_TAG_BLOCKQUOTE, GUMBO_TAG_PRE,        GUMBO_TAG_LISTING, GUMBO_TAG_XMP,
      GUMBO_TAG_PLAINTEXT, GUMBO_TAG_FIGURE,     GUMBO_TAG_FIGCAPTION, GUMBO_TAG_ADDRESS, GUMBO_TAG_CENTER,
      GUMBO_TAG_DETAILS,   GUMBO_TAG_SUMMARY,    GUMBO_TAG_FIELDSET,   GUMBO_TAG_HR};
  return blocks.has(tag);
}

bool is_list(GumboTag tag) {
  return tag == GUMBO_TAG_UL || tag == GUMBO_TAG_OL || tag == GUMBO_TAG_DIR || tag == GUMBO_TAG_MENU;
}

bool is_preformatted(const GumboNode& node) {
  const GumboTag tag = tag_of(node);
  return tag == GUMBO_TAG_PRE || tag == GUMBO_TAG_LISTING || tag == GUMBO_TAG_XMP || tag == GUMBO_TAG_PLAINTEXT ||
         (tag == GUMBO_TAG_DIV && has_class(node, "fragment"));
}

bool arranges_page(const GumboNode& table) {
  if (attribute(table, "role") == "presentation") return true;
  bool arranges = false;
  unsigned cells_in_row = 0, widest_row = 0;
  walk(table, [&](const GumboNode& node) {
    const GumboTag tag = tag_of(node);
    if (tag == GUMBO_TAG_TR) cells_in_row = 0;
    if (tag == GUMBO_TAG_TD || tag == GUMBO_TAG_TH) widest_row = std::max(widest_row, ++cells_in_row);
    arranges = arranges || heading_level(tag) > 0 || is_list(tag) || tag == GUMBO_TAG_DL ||
               tag == GUMBO_TAG_BLOCKQUOTE || (&node != &table && tag == GUMBO_TAG_TABLE) || is_preformatted(node);
    return !arranges;
  });
  return arranges || widest_row < 2;
}

bool cells_are_words(const GumboNode& table) {
  static constexpr std::array<std::string_view, 3> classes = {"memname", "memberdecls", "mlabels"};
  return any_word(attribute(table, "class"), [](std::string_view word) { return is_one_of(word, classes); });
}

}  // namespace hearth::text
