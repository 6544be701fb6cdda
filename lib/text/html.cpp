// SPDX-License-Identifier: Apache-2.0
#include "lib/text/html.h"

#include <algorithm>
#include <vector>

#include "lib/text/html_blocks.h"

namespace hearth::text {
namespace {

using Kind = HtmlBlock::Kind;

constexpr std::size_t least_run = 4;           // so many blocks of links in a row are a menu or an index
constexpr std::size_t label_ink = 30;          // a shorter paragraph that ends no sentence may be the label of a menu
constexpr std::size_t largest_gap = 2;         // headings and labels between two links of one run
constexpr std::size_t least_main_bytes = 200;  // a marked main element with less is not believed

bool is_mostly_links(const HtmlBlock& block) {
  return block.n_link_ink * 2 > block.n_ink && block.kind != Kind::preformatted;
}

bool is_label(const HtmlBlock& block) {
  const bool ends_sentence = std::string_view(".!?:;,").find(block.text.back()) != std::string_view::npos;
  return block.kind == Kind::heading || (block.kind == Kind::paragraph && block.n_ink <= label_ink && !ends_sentence);
}

// Behind the last link of the run of links that begins at begin; n_links counts them.
std::size_t end_of_run(const std::vector<HtmlBlock>& blocks, std::size_t begin, std::size_t& n_links) {
  std::size_t end = begin;
  for (std::size_t i = begin; i < blocks.size() && i <= end + largest_gap; ++i) {
    if (is_mostly_links(blocks[i])) {
      ++n_links;
      end = i + 1;
    } else if (!is_label(blocks[i])) {
      break;
    }
  }
  return end;
}

// Takes out runs of at least least_run blocks that are mostly links, and shorter ones with which the page begins or
// ends; with a run go the labels inside and its heading. A first heading of level 1 stays.
void remove_boilerplate(std::vector<HtmlBlock>& blocks) {
  std::vector<bool> drop(blocks.size(), false);
  bool content_before = false;
  for (std::size_t begin = 0; begin < blocks.size();) {
    std::size_t n_links = 0;
    const std::size_t end = end_of_run(blocks, begin, n_links);
    if (n_links == 0) {
      content_before = content_before || !is_label(blocks[begin]);
      ++begin;
      continue;
    }
    if (n_links >= least_run || !content_before || end == blocks.size()) {
      std::size_t first = begin;
      while (first > 0 && is_label(blocks[first - 1]) && !drop[first - 1] && blocks[first - 1].level != 1) --first;
      for (std::size_t i = first; i < end; ++i) drop[i] = true;
    } else {
      content_before = true;
    }
    begin = end;
  }
  std::size_t i = 0;
  std::erase_if(blocks, [&](const HtmlBlock&) { return drop[i++]; });
}

void append_fenced(std::string& out, std::string_view text) {
  std::string fence = "```";
  while (text.find(fence) != std::string_view::npos) fence += '`';
  text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
  out += fence + "\n";
  out += text;
  out += "\n" + fence;
}

void append_block(std::string& out, const HtmlBlock& block) {
  if (block.kind == Kind::heading) out += std::string(static_cast<std::size_t>(block.level), '#') + " ";
  if (block.kind == Kind::preformatted) return append_fenced(out, block.text);
  const bool in_list = block.kind == Kind::item;
  const std::string indent(in_list ? 2 * static_cast<std::size_t>(block.level - (block.marker.empty() ? 0 : 1)) : 0,
                           ' ');
  out += indent + block.marker;
  if (!in_list) {
    out += block.text;
    return;
  }
  const std::string next_line = indent + std::string(block.marker.size(), ' ');
  for (const char c : block.text) {
    out += c;
    if (c == '\n') out += next_line;
  }
}

bool joins(const HtmlBlock& before, const HtmlBlock& block) {
  return (before.kind == Kind::row && block.kind == Kind::row && before.level == block.level) ||
         (before.kind == Kind::item && block.kind == Kind::item && !block.marker.empty());
}

std::string print_blocks(const std::vector<HtmlBlock>& blocks) {
  std::string out;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (i > 0) out += joins(blocks[i - 1], blocks[i]) ? "\n" : "\n\n";
    append_block(out, blocks[i]);
  }
  return out;
}

// True when a heading says what the title says: titles often add the site's name, and headings a version.
bool repeats_title(const std::vector<HtmlBlock>& blocks, const std::string& title) {
  return std::any_of(blocks.begin(), blocks.end(), [&](const HtmlBlock& block) {
    return block.kind == Kind::heading && block.level <= 2 &&
           (title.find(block.text) != std::string::npos || block.text.find(title) != std::string::npos);
  });
}

std::vector<HtmlBlock> content_blocks(const GumboNode& root) {
  std::vector<HtmlBlock> blocks = html_blocks(root);
  remove_boilerplate(blocks);
  return blocks;
}

}  // namespace

std::optional<Rejection> html_to_text(std::string_view html, std::string& text) {
  HtmlTree tree;
  if (auto rejection = tree.parse(html)) return rejection;
  const GumboNode* main = main_element(*tree.root());
  std::vector<HtmlBlock> blocks = content_blocks(main == nullptr ? *tree.root() : *main);
  text = print_blocks(blocks);
  if (main != nullptr && text.size() < least_main_bytes) {
    blocks = content_blocks(*tree.root());
    text = print_blocks(blocks);
  }
  if (text.empty()) return std::nullopt;
  const std::string title = html_title(*tree.root());
  if (!title.empty() && !repeats_title(blocks, title)) text = "# " + title + "\n\n" + text;
  text += '\n';
  return std::nullopt;
}

}  // namespace hearth::text
