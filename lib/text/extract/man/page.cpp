// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/man/page.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "lib/text/extract/man/characters.h"

namespace hearth::text::man {
namespace {

constexpr std::size_t max_levels = 32;  // deeper ones are not told apart

// Spaces between words become one; those a line begins with stay.
void append_words(std::string& out, std::string_view words) {
  if (out.empty()) words.remove_prefix(std::min(words.find_first_not_of(" \t"), words.size()));
  const std::size_t indent = std::min(words.find_first_not_of(' '), words.size());
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != ' ' || i < indent || words[i - 1] != ' ' || indent > 0) out += words[i];
  }
}

bool is_bullet(std::string_view term) {
  static constexpr std::string_view bullets[] = {"*", "-", "o", "+", "•", "·", "–", "—", "○"};
  return std::find(std::begin(bullets), std::end(bullets), term) != std::end(bullets);
}

bool is_number(std::string_view term) {
  return term.size() >= 2 && term.size() <= 4 && (term.back() == '.' || term.back() == ')') &&
         term.find_first_not_of("0123456789") == term.size() - 1;
}

// Of "T{" in a table's row: the lines up to "T}", and what follows it.
std::string text_block(Roff& roff, std::string& rest) {
  std::string text, line;
  while (roff.next_verbatim("TE", line)) {
    if (line.starts_with("T}")) {
      rest = line.substr(2);
      return text;
    }
    std::string_view words = line;
    if (line.starts_with('.')) {  // a macro: its arguments, without what it does
      const std::size_t space = std::min(words.find(' '), words.size());
      text.append(" ").append(join(words_of_call(words.substr(space)), words.starts_with(".B ") ? " " : ""));
    } else {
      text.append(" ").append(words);
    }
  }
  rest.clear();
  return text;
}

bool is_rule(std::string_view row) {
  return row.find_first_not_of("_=\t ") == std::string_view::npos;
}

// The options and formats that begin a table; the character of ASCII that separates cells. False at its end.
bool read_format(Roff& roff, char& separator) {
  std::string line;
  while (roff.next_verbatim("TE", line)) {
    if (const std::size_t at = line.find("tab"); at != std::string::npos && trim(line).ends_with(';')) {
      const std::size_t open = line.find('(', at);
      if (open != std::string::npos && open + 1 < line.size() && (line[open + 1] & 0x80) == 0)
        separator = line[open + 1];
    }
    if (trim(line).ends_with('.')) return true;
  }
  return false;
}

}  // namespace

void read_table(Roff& roff, Page& page) {
  page.end_paragraph();
  char separator = '\t';
  if (!read_format(roff, separator)) return;
  std::string line;
  while (roff.next_verbatim("TE", line)) {
    if (line.starts_with(".T&")) {
      if (!read_format(roff, separator)) break;
      continue;
    }
    if (line.starts_with('.') || is_rule(line)) continue;
    std::vector<std::string> cells;
    for (bool more = true; more;) {
      const std::size_t end = std::min(line.find(separator), line.size());
      std::string cell = line.substr(0, end);
      more = end < line.size();
      std::string rest = more ? line.substr(end + 1) : "";
      if (trim(cell) == "T{") {
        cell = text_block(roff, rest);
        more = !rest.empty() && rest.front() == separator;
        if (more) rest.erase(0, 1);
      }
      const bool spans = cell == "\\^" || is_rule(cell);
      cells.push_back(spans ? "" : collapsed(printed(cell)));
      line = std::move(rest);
    }
    page.row(cells);
  }
  page.end_table();
}

void Page::flush() {
  const std::string text = std::exchange(text_, {});
  joins_ = false;
  if (has_item_) {
    has_item_ = false;
    if (is_number(term_)) marker_ = term_ + " ";
    if (is_number(term_) || is_bullet(term_)) term_.clear();
    const bool both = !term_.empty() && !trim(text).empty() && !literal_;
    blocks_.item(marker_, term_ + (both ? "\n" : "") + (literal_ && !term_.empty() ? "" : text), level_.depth + 1);
    term_.clear();
    if (!literal_) return;
  }
  if (literal_) {
    blocks_.fenced(text, {}, depth());
  } else {
    blocks_.paragraph(text, depth());
  }
}

void Page::heading(int level, std::string_view text) {
  flush();
  literal_ = wants_term_ = false;
  level_ = {};
  outer_.clear();
  blocks_.heading(level, text);
}

void Page::words(std::string_view text, bool joins_next) {
  if (wants_term_) {
    wants_term_ = false;
    const std::string_view term = trim(text);
    if (term_.empty()) {
      term_ = term;
    } else {
      term_.append("\n").append(term);
    }
    return;
  }
  if (literal_) {
    if (!text_.empty() && !joins_) text_ += '\n';
    text_ += text.empty() && text_.empty() ? "\n" : text;
  } else {
    const bool breaks = text.starts_with(' ') && !text_.empty();
    if (breaks) break_line();
    if (!text_.empty() && !text_.ends_with('\n') && !joins_) text_ += ' ';
    append_words(text_, text);
    while (text_.ends_with(' ') && !joins_next) text_.pop_back();
  }
  joins_ = joins_next;
}

void Page::break_line() {
  if (!literal_ && !text_.empty() && !text_.ends_with('\n')) text_ += '\n';
}

void Page::end_paragraph() {
  if (wants_term_) return;
  if (literal_) {
    if (!text_.empty()) text_ += '\n';
    return;
  }
  flush();
}

void Page::plain_paragraph() {
  end_paragraph();
  wants_term_ = false;
  if (!literal_) level_.in_item = false;
}

void Page::item(std::string_view marker, std::string_view term) {
  flush();
  marker_ = marker;
  term_ = trim(term);
  has_item_ = level_.in_item = true;
}

void Page::expect_term(bool another) {
  if (!another || !has_item_ || !text_.empty()) item("- ", "");
  wants_term_ = true;
}

void Page::open_indent() {
  if (!literal_) flush();
  if (outer_.size() < max_levels) outer_.push_back(level_);
  level_ = {depth(), false};
}

void Page::close_indent() {
  if (!literal_) flush();
  if (outer_.empty()) return;
  level_ = outer_.back();
  outer_.pop_back();
}

void Page::literal(bool on) {
  if (on == literal_) return;
  if (on && trim(text_).empty() && !has_item_) text_.clear();
  flush();
  literal_ = on;
}

void Page::row(const std::vector<std::string>& cells) {
  const bool was_literal = std::exchange(literal_, false);
  if (!text_.empty() || has_item_) flush();
  literal_ = was_literal;
  blocks_.row(cells, depth());
}

std::string Page::finish() {
  flush();
  return blocks_.finish();
}

}  // namespace hearth::text::man
