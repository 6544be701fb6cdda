// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/rst/parser.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "lib/text/extract/rst/rst.h"

namespace hearth::text::rst {
namespace {

constexpr int max_level = 24;
constexpr std::size_t tab_columns = 8;
constexpr auto npos = std::string_view::npos;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The character of a line of nothing but one punctuation character, or 0.
char adornment(std::string_view line) {
  if (line.size() < 2) return 0;
  const char c = line.front();
  const bool punctuation = c > ' ' && c < 0x7f && !is_digit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z');
  return punctuation && line.find_first_not_of(c) == npos ? c : '\0';
}

// The width of a list marker with the spaces behind it, its marker in our form; 0: the line is no item.
std::size_t item_marker(std::string_view line, std::string& marker) {
  std::size_t width = 0;
  if (line.starts_with("- ") || line.starts_with("* ") || line.starts_with("+ ") || line == "-" || line == "*") {
    width = 1;
    marker = "- ";
  } else if (line.starts_with("• ")) {
    width = 3;
    marker = "- ";
  } else {
    const bool parenthesis = line.starts_with('(');
    const std::size_t begin = parenthesis ? 1 : 0;
    std::size_t end = begin;
    while (end < line.size() && end - begin < 4 && is_digit(line[end])) ++end;
    if (end == begin && end < line.size() && (line[end] == '#' || (line[end] >= 'a' && line[end] <= 'z'))) ++end;
    if (end == begin || end >= line.size() || !(line[end] == ')' || (line[end] == '.' && !parenthesis))) return 0;
    width = end + 1;
    const std::string_view number = line.substr(begin, end - begin);
    marker = number == "#" ? "- " : std::string(number) + ". ";
  }
  if (width == line.size()) return width;
  if (line[width] != ' ') return 0;
  return std::min(line.find_first_not_of(' ', width), line.size());
}

// ":name: text"; where the text begins, or npos.
std::size_t field_text(std::string_view line) {
  if (!line.starts_with(':') || line.size() < 3 || line[1] == ':' || line[1] == ' ') return npos;
  const std::size_t close = line.find(':', 1);
  if (close == npos || (close + 1 < line.size() && line[close + 1] != ' ')) return npos;
  return std::min(close + 2, line.size());
}

bool begins_option(std::string_view line) {
  const bool dash = line.size() > 2 && line[0] == '-' && line[1] != ' ' && line[1] != '>';
  return dash && line.find("  ") != npos && adornment(line) == 0;
}

}  // namespace

Parser::Parser(std::string_view source) {
  std::size_t column = 0;
  for (const char c : source) {
    const std::size_t width = c == '\t' ? tab_columns - column % tab_columns : 1;
    expanded_.append(width, c == '\t' || c == '\f' ? ' ' : c);
    column = c == '\n' ? 0 : column + width;
  }
  for (std::string_view rest = expanded_; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    line = line.substr(0, line.find_last_not_of(" \r") + 1);
    lines_.push_back(line);
    indents_.push_back(line.find_first_not_of(' '));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

std::string Parser::text() {
  read({0, lines_.size(), 0, 0, 0});
  return blocks_.finish();
}

std::string_view Parser::line(const Body& body, std::size_t i) const {
  return lines_[i].substr(std::min(body.margin, lines_[i].size()));
}

// Behind the lines from i on that are blank or indented so much, without blank ones at the end.
std::size_t Parser::end_of_block(const Body& body, std::size_t i, std::size_t least_indent) const {
  std::size_t end = i;
  for (; i < body.end && (is_blank(i) || indent(i) >= least_indent); ++i) {
    if (!is_blank(i)) end = i + 1;
  }
  return end;
}

// The lines as a body of their own, its margin the least indented one's.
Body Parser::inside(const Body& body, std::size_t begin, std::size_t end) const {
  Body result{begin, end, npos, body.level + 1, body.depth};
  for (std::size_t i = begin; i < end; ++i) result.margin = std::min(result.margin, indents_[i]);
  if (result.margin == npos) result = {end, end, 0, body.level + 1, body.depth};
  return result;
}

// The lines [i, end) as a body whose first line begins behind width columns of what stands there (a marker).
Body Parser::hanging(const Body& body, std::size_t i, std::size_t end, std::size_t width) {
  if (width >= line(body, i).size()) return inside(body, i + 1, end);
  Body inner{i, end, body.margin + width, body.level + 1, body.depth};
  const std::size_t text_begin = inner.margin;
  for (std::size_t k = i + 1; k < end; ++k) inner.margin = std::min(inner.margin, indents_[k]);
  lines_[i] = lines_[i].substr(text_begin - inner.margin);
  indents_[i] = inner.margin;
  return inner;
}

std::string Parser::raw(const Body& body) const {
  std::string text;
  for (std::size_t i = body.begin; i < body.end; ++i) text.append(line(body, i)).append("\n");
  return text;
}

void Parser::put(std::string_view text, int depth) {
  if (!has_item_) return blocks_.paragraph(text, depth);
  has_item_ = false;
  std::string term = std::exchange(term_, {});
  blocks_.item(marker_, term.append(text), std::max(depth, 1));
}

void Parser::put_fenced(std::string_view text, std::string_view language, int depth) {
  close_item(depth);
  blocks_.fenced(text, language, depth);
}

void Parser::open_item(std::string marker, std::string term) {
  marker_ = std::move(marker);
  term_ = std::move(term);
  has_item_ = true;
}

void Parser::close_item(int depth) {
  if (has_item_) put("", depth);
}

void Parser::read(const Body& body) {
  for (std::size_t i = body.begin; i < body.end;) i = is_blank(i) ? i + 1 : read_block(body, i);
}

std::size_t Parser::read_block(const Body& body, std::size_t i) {
  const std::string_view text = line(body, i);
  if (indent(i) > body.margin) {  // a quote
    const std::size_t end = end_of_block(body, i, body.margin + 1);
    if (body.level >= max_level) return paragraph(body, i);
    read(inside(body, i, end));
    return end;
  }
  if (text.starts_with(".. ") || text == ".." || text.starts_with("__ ")) return explicit_markup(body, i);
  if (const std::size_t next = section(body, i); next > i) return next;
  if (const std::size_t next = table(body, i); next > i) return next;
  if (text.starts_with(">>> ")) return doctest(body, i);
  if (text.starts_with("| ") || text == "|") return line_block(body, i);
  if (body.level < max_level) {
    for (const auto read_one : {&Parser::list_item, &Parser::field, &Parser::option}) {
      if (const std::size_t next = (this->*read_one)(body, i); next > i) return next;
    }
  }
  return paragraph(body, i);
}

// Title and adornment, or a transition; i when there is none.
std::size_t Parser::section(const Body& body, std::size_t i) {
  if (body.level > 0) return i;
  const auto adornment_at = [&](std::size_t at) { return at < body.end ? adornment(line(body, at)) : '\0'; };
  const char over = adornment_at(i);
  std::string_view title;
  std::string style;
  std::size_t next = i;
  if (over != 0 && i + 2 < body.end && !is_blank(i + 1) && adornment_at(i + 2) == over) {
    title = trim(line(body, i + 1));
    style = std::string(2, over);
    next = i + 3;
  } else if (over != 0 && line(body, i).size() >= 4 && (i + 1 >= body.end || is_blank(i + 1))) {
    return i + 1;  // a transition
  } else if (adornment_at(i + 1) != 0 && indent(i + 1) == body.margin) {
    title = line(body, i);
    style = std::string(1, adornment_at(i + 1));
    const std::size_t width = line(body, i + 1).size();
    if (width < 4 && width < title.size()) return i;
    next = i + 2;
  }
  if (title.empty()) return i;
  auto level = std::find(adornments_.begin(), adornments_.end(), style);
  if (level == adornments_.end()) level = adornments_.insert(adornments_.end(), style);
  close_item(body.depth);
  blocks_.heading(static_cast<int>(level - adornments_.begin()) + 1, plain(title));
  return next;
}

std::size_t Parser::list_item(const Body& body, std::size_t i) {
  std::string marker;
  const std::size_t width = item_marker(line(body, i), marker);
  if (width == 0) return i;
  const bool has_text = width < line(body, i).size();
  const bool lettered = marker[0] >= 'a' && marker[0] <= 'z';
  if (lettered && i + 1 < body.end && !is_blank(i + 1) && indent(i + 1) <= body.margin) return i;  // "e. g." in prose
  close_item(body.depth);
  open_item(std::move(marker), "");
  const std::size_t end = std::max(i + 1, end_of_block(body, i + 1, body.margin + (has_text ? 2 : 1)));
  Body inner = hanging(body, i, end, width);
  ++inner.depth;
  read(inner);
  close_item(inner.depth);
  return end;
}

std::size_t Parser::field(const Body& body, std::size_t i) {
  const std::string_view text = line(body, i);
  const std::size_t begin = field_text(text);
  if (begin == npos) return i;
  const std::size_t end = std::max(i + 1, end_of_block(body, i + 1, body.margin + 1));
  const std::string_view name = text.substr(1, text.find(':', 1) - 1);
  for (const std::string_view about_file : {"orphan", "tocdepth", "nosearch", "nocomments", "Date", "Revision"}) {
    if (name == about_file && body.level == 0) return end;
  }
  close_item(body.depth);
  open_item("- ", plain(name) + ": ");
  Body value = hanging(body, i, end, begin);
  ++value.depth;
  read(value);
  close_item(value.depth);
  return end;
}

std::size_t Parser::option(const Body& body, std::size_t i) {
  const std::string_view text = line(body, i);
  if (!begins_option(text)) return i;
  const std::size_t gap = text.find("  ");
  const std::size_t end = std::max(i + 1, end_of_block(body, i + 1, body.margin + 1));
  std::string value(trim(text.substr(gap)));
  for (std::size_t k = i + 1; k < end; ++k) value.append(" ").append(line(body, k));
  close_item(body.depth);
  open_item("- ", std::string(text.substr(0, gap)) + "\n");
  put(plain(value), body.depth + 1);
  return end;
}

std::size_t Parser::line_block(const Body& body, std::size_t i) {
  std::string text;
  for (; i < body.end && !is_blank(i); ++i) {
    std::string_view one = line(body, i);
    if (one.starts_with('|')) one.remove_prefix(1);
    text.append(text.empty() ? "" : "\n").append(plain(one));
  }
  put(text, body.depth);
  return i;
}

std::size_t Parser::doctest(const Body& body, std::size_t i) {
  const std::size_t begin = i;
  while (i < body.end && !is_blank(i)) ++i;
  put_fenced(raw({begin, i, body.margin, 0, 0}), "", body.depth);
  return i;
}

// What follows "::": indented lines, or such that begin in the same punctuation.
std::size_t Parser::literal_block(const Body& body, std::size_t i) {
  while (i < body.end && is_blank(i)) ++i;
  if (i >= body.end) return i;
  std::size_t end = i;
  if (indent(i) > body.margin) {
    end = end_of_block(body, i, body.margin + 1);
  } else {
    const char quote = line(body, i).empty() ? '\0' : line(body, i)[0];
    const bool quoted = std::string_view(">|$#%+!\"'&*").find(quote) != npos;
    while (quoted && end < body.end && !is_blank(end) && line(body, end).starts_with(quote)) ++end;
  }
  if (end == i) return i;
  put_fenced(raw(inside(body, i, end)), "", body.depth);
  return end;
}

std::size_t Parser::paragraph(const Body& body, std::size_t i) {
  const std::size_t begin = i;
  std::string text;
  for (; i < body.end && !is_blank(i); ++i) {
    if (i > begin && indent(i) > body.margin && indent(begin) == body.margin && body.level < max_level) break;
    text.append(text.empty() ? "" : "\n").append(line(body, i));
  }
  const bool ends = i >= body.end || is_blank(i);
  if (!ends && i == begin + 1) {  // a term and its definition
    close_item(body.depth);
    const std::size_t end = end_of_block(body, i, body.margin + 1);
    if (text.ends_with("::")) {
      put(plain(std::string_view(text).substr(0, text.size() - 1)), body.depth);
      return literal_block(body, i);
    }
    open_item("- ", plain(text) + "\n");
    Body definition = inside(body, i, end);
    ++definition.depth;
    read(definition);
    close_item(definition.depth);
    return end;
  }
  const bool literal = text.ends_with("::");
  if (literal) {
    text.pop_back();
    if (text == ":" || text.ends_with(" :") || text.ends_with("\n:")) text.pop_back();
  }
  if (!trim(text).empty()) put(plain(text), body.depth);
  return literal ? literal_block(body, i) : i;
}

std::size_t Parser::table(const Body& body, std::size_t i) {
  const std::string_view text = line(body, i);
  if (text.starts_with("+-") && text.ends_with('+')) return grid_table(body, i);
  if (text.starts_with("==") && text.find(" ==") != npos && text.find_first_not_of("= ") == npos)
    return simple_table(body, i);
  return i;
}

}  // namespace hearth::text::rst

namespace hearth::text {

std::optional<Rejection> rst_to_text(std::string_view source, Extracted& extracted) {
  extracted.text = rst::Parser(source).text();
  if (extracted.text.empty()) return Rejection{"no-text", "nothing but comments, targets and what other files hold"};
  return std::nullopt;
}

}  // namespace hearth::text
