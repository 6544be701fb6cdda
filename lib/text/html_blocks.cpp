// SPDX-License-Identifier: Apache-2.0
#include "lib/text/html_blocks.h"

#include <cctype>
#include <string_view>
#include <utility>

#include "lib/text/html_elements.h"

namespace hearth::text {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\f' || c == '\r';
}

class BlockWriter {
 public:
  bool enter(const GumboNode& node);
  void leave(const GumboNode& node);
  void add_text(std::string_view text);
  std::vector<HtmlBlock> finish() {
    flush(HtmlBlock::Kind::paragraph);
    return std::move(blocks_);
  }

 private:
  struct List {
    bool ordered = false;
    int n_items = 0;
  };

  void open_block(const GumboNode& node);
  void close_block(const GumboNode& node);
  void open_inline(const GumboNode& node);
  void add_collapsed(std::string_view text);
  void add_ink(char c);
  void flush(HtmlBlock::Kind kind, int level = 0);

  std::vector<HtmlBlock> blocks_;
  HtmlBlock block_;           // being written
  bool space_ = false;        // white space stands between block_.text and what comes next
  bool superscript_ = false;  // what comes next is raised
  bool line_ended_ = false;   // an element ended the line of preformatted text: a line end that follows is not another
  std::string marker_;        // of the list item that began and has no block yet
  std::vector<List> lists_;
  int n_links_ = 0, n_preformatted_ = 0, n_articles_ = 0;
  const GumboNode* table_ = nullptr;  // the table of data around: its rows are the blocks
  int n_tables_ = 0;
  std::string_view cell_separator_;
};

bool BlockWriter::enter(const GumboNode& node) {
  switch (node.type) {
    case GUMBO_NODE_TEXT:
    case GUMBO_NODE_WHITESPACE:
    case GUMBO_NODE_CDATA:
      add_text(node.v.text.text);
      return false;
    case GUMBO_NODE_ELEMENT:
      break;
    default:
      return false;
  }
  const GumboTag tag = node.v.element.tag;
  if (is_furniture(node, n_articles_ > 0)) return false;
  if (tag == GUMBO_TAG_MAIN || tag == GUMBO_TAG_ARTICLE || tag == GUMBO_TAG_SECTION) ++n_articles_;
  if (is_block(tag)) {
    open_block(node);
  } else {
    open_inline(node);
  }
  return true;
}

void BlockWriter::open_inline(const GumboNode& node) {
  const GumboTag tag = node.v.element.tag;
  if (tag == GUMBO_TAG_A && has_attribute(node, "href")) ++n_links_;
  if (tag == GUMBO_TAG_SUP) superscript_ = true;
  if (tag != GUMBO_TAG_BR) return;
  if (n_preformatted_ > 0) {
    block_.text += '\n';
  } else if (table_ != nullptr) {
    space_ = true;
  } else if (!block_.text.empty()) {
    block_.text += '\n';
    space_ = false;
  }
}

void BlockWriter::open_block(const GumboNode& node) {
  const GumboTag tag = node.v.element.tag;
  if (n_preformatted_ > 0) {  // lines of a preformatted div
    if (!block_.text.empty() && block_.text.back() != '\n') block_.text += '\n';
    n_preformatted_ += is_preformatted(node) ? 1 : 0;
    return;
  }
  if (table_ != nullptr) {
    const bool separates = (tag == GUMBO_TAG_TD || tag == GUMBO_TAG_TH) && !block_.text.empty();
    if (separates) block_.text += cell_separator_;
    space_ = !separates && !block_.text.empty();
    return;
  }
  flush(HtmlBlock::Kind::paragraph);
  if (is_preformatted(node)) ++n_preformatted_;
  if (tag == GUMBO_TAG_TABLE && !arranges_page(node)) {
    table_ = &node;
    ++n_tables_;
    cell_separator_ = cells_are_words(node) ? " " : " | ";
  }
  if (is_list(tag)) lists_.push_back({tag == GUMBO_TAG_OL, 0});
  if (tag == GUMBO_TAG_LI) {
    if (lists_.empty()) lists_.emplace_back();
    List& list = lists_.back();
    marker_ = list.ordered ? std::to_string(++list.n_items) + ". " : "- ";
  }
}

void BlockWriter::leave(const GumboNode& node) {
  const GumboTag tag = tag_of(node);
  if (tag == GUMBO_TAG_MAIN || tag == GUMBO_TAG_ARTICLE || tag == GUMBO_TAG_SECTION) --n_articles_;
  if (is_block(tag)) {
    close_block(node);
  } else {
    if (tag == GUMBO_TAG_A && has_attribute(node, "href")) --n_links_;
    if (tag == GUMBO_TAG_SUP) superscript_ = false;
  }
}

void BlockWriter::close_block(const GumboNode& node) {
  const GumboTag tag = node.v.element.tag;
  if (n_preformatted_ > 0) {
    if (!is_preformatted(node)) {
      block_.text += '\n';
      line_ended_ = true;
    } else if (--n_preformatted_ == 0) {
      flush(HtmlBlock::Kind::preformatted);
    }
    return;
  }
  if (table_ != nullptr) {
    if (tag == GUMBO_TAG_TR) flush(HtmlBlock::Kind::row);
    if (tag == GUMBO_TAG_CAPTION) flush(HtmlBlock::Kind::paragraph);
    if (&node == table_) {
      flush(HtmlBlock::Kind::row);
      table_ = nullptr;
    }
    return;
  }
  const int level = heading_level(tag);
  flush(level > 0 ? HtmlBlock::Kind::heading : HtmlBlock::Kind::paragraph, level);
  if (tag == GUMBO_TAG_LI) marker_.clear();
  if (is_list(tag) && !lists_.empty()) lists_.pop_back();
}

void BlockWriter::add_ink(char c) {
  block_.text += c;
  ++block_.n_ink;
  block_.n_link_ink += n_links_ > 0 ? 1 : 0;
}

void BlockWriter::add_text(std::string_view text) {
  // Invisible characters of layout: no-break space counts as a space, soft hyphen and zero-width space as nothing.
  constexpr std::string_view no_break_space = "\xc2\xa0", soft_hyphen = "\xc2\xad", zero_width_space = "\xe2\x80\x8b";
  while (!text.empty()) {
    std::size_t at = 0, width = 0;
    bool is_blank = false;
    for (; at < text.size() && width == 0; ++at) {
      if (text[at] != '\xc2' && text[at] != '\xe2') continue;
      const std::string_view rest = text.substr(at);
      is_blank = rest.starts_with(no_break_space);
      if (is_blank || rest.starts_with(soft_hyphen)) width = 2;
      if (rest.starts_with(zero_width_space)) width = 3;
    }
    if (width > 0) --at;
    add_collapsed(text.substr(0, at));
    if (is_blank) add_collapsed(" ");
    text.remove_prefix(at + width);
  }
}

void BlockWriter::add_collapsed(std::string_view text) {
  for (const char c : text) {
    if (n_preformatted_ > 0) {
      if (!is_space(c)) {
        add_ink(c);
      } else if (c != '\n' || !line_ended_) {
        block_.text += c;
      }
      line_ended_ = false;
      continue;
    }
    if (is_space(c)) {
      space_ = true;
      continue;
    }
    std::string& out = block_.text;
    if (space_ && !out.empty() && out.back() != '\n' && out.back() != ' ') out += ' ';
    // A raised number is a power, not a digit of what it stands behind.
    const bool is_power = (c >= '0' && c <= '9') || c == '-' || c == 'n';
    if (superscript_ && !space_ && is_power && !out.empty() &&
        std::isalnum(static_cast<unsigned char>(out.back())) != 0)
      out += '^';
    space_ = superscript_ = false;
    add_ink(c);
  }
}

void BlockWriter::flush(HtmlBlock::Kind kind, int level) {
  const bool empty = block_.n_ink == 0;
  if (!empty) {
    while (!block_.text.empty() && is_space(block_.text.back())) block_.text.pop_back();
    block_.kind = kind == HtmlBlock::Kind::paragraph && !lists_.empty() ? HtmlBlock::Kind::item : kind;
    block_.level = kind == HtmlBlock::Kind::heading ? level
                   : kind == HtmlBlock::Kind::row   ? n_tables_
                                                    : static_cast<int>(lists_.size());
    block_.marker = std::exchange(marker_, {});
    blocks_.push_back(std::move(block_));
  }
  block_ = {};
  space_ = superscript_ = false;
}

}  // namespace

std::vector<HtmlBlock> html_blocks(const GumboNode& root) {
  BlockWriter writer;
  walk(
      root, [&](const GumboNode& node) { return writer.enter(node); },
      [&](const GumboNode& node) { writer.leave(node); });
  return writer.finish();
}

std::string html_title(const GumboNode& root) {
  std::string title;
  bool found = false;
  walk(root, [&](const GumboNode& node) {
    if (found || tag_of(node) == GUMBO_TAG_BODY || tag_of(node) == GUMBO_TAG_SVG) return false;
    if (tag_of(node) != GUMBO_TAG_TITLE) return true;
    found = true;
    const GumboVector& children = node.v.element.children;
    for (unsigned i = 0; i < children.length; ++i) {
      const auto& part = *static_cast<const GumboNode*>(children.data[i]);
      if (part.type == GUMBO_NODE_TEXT) title += part.v.text.text;
    }
    return false;
  });
  BlockWriter writer;  // for its treatment of white space
  writer.add_text(title);
  std::vector<HtmlBlock> blocks = writer.finish();
  return blocks.empty() ? std::string() : std::move(blocks.front().text);
}

const GumboNode* main_element(const GumboNode& root) {
  const GumboNode* main = nullptr;
  const GumboNode* article = nullptr;
  int n_mains = 0, n_articles = 0;
  walk(root, [&](const GumboNode& node) {
    if (!is_element(node)) return false;
    if (tag_of(node) == GUMBO_TAG_MAIN || attribute(node, "role") == "main") {
      main = &node;
      ++n_mains;
      return false;
    }
    if (tag_of(node) == GUMBO_TAG_ARTICLE) article = &node, ++n_articles;
    return true;
  });
  if (n_mains == 1) return main;
  return n_mains == 0 && n_articles == 1 ? article : nullptr;
}

}  // namespace hearth::text
