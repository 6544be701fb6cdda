// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/latex/reader.h"

#include <algorithm>

#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/encoding.h"
#include "lib/text/extract/latex/latex.h"

namespace hearth::text::latex {
namespace {

constexpr int max_level = 12;  // arguments in arguments, macros in macros
constexpr auto npos = std::string_view::npos;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '@';
}
std::size_t character_length(std::string_view text, std::size_t at) {
  return std::max<std::size_t>(utf8_sequence(text, at), 1);
}
bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t';
}

}  // namespace

Reader::Source::Source(std::string_view all) : text(all) {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      open.push_back(braces.size());
      braces.emplace_back(i, npos);
    } else if (text[i] == '}' && !open.empty()) {
      braces[open.back()].second = i;
      open.pop_back();
    }
  }
}

std::size_t Reader::Source::close_of(std::size_t brace) const {
  const auto found = std::lower_bound(braces.begin(), braces.end(), std::pair<std::size_t, std::size_t>{brace, 0});
  return found == braces.end() || found->first != brace ? npos : found->second;
}

Reader::Reader(std::string_view source) : source_(source), budget_(4 * std::uint64_t{source.size()} + (64u << 10)) {}

std::string Reader::text() {
  std::size_t document = source_.text.find("\\begin{document}");
  const std::string_view before = source_.text.substr(0, document);
  for (const std::string_view mark : {"\\section{", "\\begin{verbatim}"}) {  // it stands in an example
    if (before.find(mark) != npos) document = npos;
  }
  if (document != npos) {  // of the preamble, definitions alone
    while (source_.at < document) {
      const std::size_t next = std::min(source_.text.find_first_of("\\%", source_.at), document);
      source_.at = next;
      if (next >= document) break;
      if (source_.text[next] == '%') {
        skip_comment(source_);
        continue;
      }
      command(source_);
    }
    blocks_ = {};
    text_.clear();
    lists_.clear();
    cells_.clear();
    has_item_ = ended_ = false;
    n_tables_ = 0;
    source_.at = document + std::string_view("\\begin{document}").size();
  }
  if (!title_.empty()) blocks_.heading(1, title_);
  read(source_);
  end_paragraph();
  lists_.clear();
  for (std::size_t i = 0; i < notes_.size(); ++i) {
    const std::string note = collapsed(notes_[i]);
    if (!note.empty()) blocks_.item("[^" + std::to_string(i + 1) + "]: ", note, 1);
  }
  return blocks_.finish();
}

void Reader::add(std::string_view text) {
  text_ += text;
}

void Reader::add_space() {
  if (!text_.empty() && text_.back() != ' ') text_ += ' ';
}

void Reader::put(std::string_view paragraph) {
  if (has_item_) {
    has_item_ = false;
    blocks_.item(marker_, paragraph, std::max(depth(), 1));
  } else {
    blocks_.paragraph(paragraph, depth());
  }
}

void Reader::end_paragraph() {
  if (n_arguments_ > 0 || n_tables_ > 0) return add_space();
  const std::string paragraph = collapsed(text_);
  text_.clear();
  if (!paragraph.empty()) put(paragraph);
}

void Reader::read(Source& source) {
  while (source.at < source.text.size() && !ended_) {
    const std::size_t next = std::min(source.text.find_first_of("\\%${}~`'-&\n", source.at), source.text.size());
    add(source.text.substr(source.at, next - source.at));
    source.at = next;
    if (next < source.text.size()) step(source);
  }
}

void Reader::step(Source& source) {
  const std::string_view text = source.text;
  switch (text[source.at]) {
    case '\\':
      return command(source);
    case '%':
      return skip_comment(source);
    case '$': {
      const bool displayed = text.substr(source.at, 2) == "$$";
      return formula(source, source.at + (displayed ? 2 : 1), displayed ? "$$" : "$", displayed);
    }
    case '{':
    case '}':
      ++source.at;
      return;
    case '~':
      add_space();
      ++source.at;
      return;
    case '&':
      ++source.at;
      if (n_tables_ == 0) return add("&");
      cells_.push_back(std::exchange(text_, {}));
      return;
    case '\n': {
      const std::size_t next = std::min(text.find_first_not_of(" \t\n", source.at), text.size());
      const auto n_lines = std::count(text.begin() + static_cast<std::ptrdiff_t>(source.at),
                                      text.begin() + static_cast<std::ptrdiff_t>(next), '\n');
      source.at = next;
      n_lines > 1 ? end_paragraph() : add_space();
      return;
    }
    default:
      return quotes_and_dashes(source);
  }
}

void Reader::quotes_and_dashes(Source& source) {
  static constexpr std::pair<std::string_view, std::string_view> ligatures[] = {{"``", "“"}, {"''", "”"}, {"---", "—"},
                                                                                {"--", "–"}, {"`", "‘"},  {"'", "’"}};
  for (const auto& [written, meant] : ligatures) {
    if (source.text.substr(source.at, written.size()) != written) continue;
    source.at += written.size();
    return add(meant);
  }
  add(source.text.substr(source.at++, 1));
}

void Reader::skip_comment(Source& source) {
  const std::size_t end = std::min(source.text.find('\n', source.at), source.text.size());
  source.at = std::min(end + 1, source.text.size());
  const std::size_t next = source.text.find_first_not_of(" \t", source.at);
  if (next != npos && source.text[next] != '\n') source.at = next;
}

// From begin to the mark that ends it, as it is written.
void Reader::formula(Source& source, std::size_t begin, std::string_view end_mark, bool displayed) {
  const bool absent = std::ranges::find(source.absent, end_mark) != source.absent.end();
  std::size_t end = absent ? npos : source.text.find(end_mark, begin);
  while (end != npos && end > 0 && source.text[end - 1] == '\\' && end_mark == "$")
    end = source.text.find(end_mark, end + 1);
  if (end == npos) {
    if (!absent) source.absent.emplace_back(end_mark);
    add(source.text.substr(source.at, begin - source.at));
    source.at = begin;
    return;
  }
  const std::string_view written = source.text.substr(source.at, end + end_mark.size() - source.at);
  source.at = end + end_mark.size();
  if (displayed && n_arguments_ == 0 && n_tables_ == 0) {
    end_paragraph();
    put(trim(written));
  } else {
    add(written);
  }
}

std::string_view Reader::argument(Source& source) {
  std::size_t at = source.at;
  while (at < source.text.size() && is_space(source.text[at])) ++at;
  if (at >= source.text.size() || source.text[at] != '{') return {};
  const std::size_t close = source.close_of(at);
  if (close == npos) return {};
  source.at = close + 1;
  return source.text.substr(at + 1, close - at - 1);
}

std::string_view Reader::optional_argument(Source& source) {
  constexpr std::size_t longest = 512;
  std::size_t at = source.at;
  while (at < source.text.size() && (source.text[at] == ' ' || source.text[at] == '*')) ++at;
  if (at >= source.text.size() || source.text[at] != '[') return {};
  int n_open = 0;
  for (std::size_t end = at + 1; end < source.text.size() && end - at < longest; ++end) {
    if (source.text[end] == '{') ++n_open;
    if (source.text[end] == '}') --n_open;
    if (source.text[end] != ']' || n_open > 0) continue;
    source.at = end + 1;
    return source.text.substr(at + 1, end - at - 1);
  }
  return {};
}

// What a part of the source reads as, on one line.
std::string Reader::text_of(std::string_view part) {
  if (level_ >= max_level) return collapsed(part);
  ++level_;
  ++n_arguments_;
  std::string around = std::exchange(text_, {});
  const int tables = std::exchange(n_tables_, 0);
  Source source(part);
  read(source);
  n_tables_ = tables;
  --n_arguments_;
  --level_;
  return collapsed(std::exchange(text_, std::move(around)));
}

std::string Reader::argument_text(Source& source) {
  return text_of(argument(source));
}

void Reader::command(Source& source) {
  const std::string_view text = source.text;
  std::size_t end = source.at + 1;
  if (end >= text.size()) {
    source.at = end;
    return;
  }
  if (!is_letter(text[end])) {
    const char c = text[end];
    source.at = end + character_length(text, end);
    const std::string_view name = text.substr(end, 1);
    if (c == '(' || c == '[') {
      source.at = end - 1;
      return formula(source, end + 1, c == '(' ? "\\)" : "\\]", c == '[');
    }
    if (c == '\\') {
      optional_argument(source);
      if (n_tables_ > 0 && n_arguments_ == 0) return end_row();
      return add_space();
    }
    if (!accent(name).empty()) return add_accent(source, accent(name));
    if (std::string_view("&%$#_{}").find(c) != npos) return add(name);
    if (std::string_view(" ,;:\n").find(c) != npos) return add_space();
    return;
  }
  while (end < text.size() && is_letter(text[end])) ++end;
  const std::string_view name = text.substr(source.at + 1, end - source.at - 1);
  source.at = end;
  if (const auto macro = macros_.find(std::string(name)); macro != macros_.end()) {
    const Macro copy = macro->second;
    return expand(source, copy);
  }
  if (source.at < text.size() && text[source.at] == '*') ++source.at;
  known_command(source, name);
}

void Reader::known_command(Source& source, std::string_view name) {
  if (structure(source, name)) return;
  if (const auto characters = symbol(name)) {
    while (source.at < source.text.size() && source.text[source.at] == ' ') ++source.at;
    return add(*characters);
  }
  if (name.size() == 1 && !accent(name).empty()) return add_accent(source, accent(name));
  if (name == "url" || name == "nolinkurl" || name == "path") return add(argument(source));
  if (name == "href") {
    argument(source);
    return;
  }
  if (name == "cite" || name == "citep" || name == "citet" || name == "parencite" || name == "textcite" ||
      name == "ref" || name == "eqref" || name == "pageref" || name == "autoref" || name == "cref" || name == "Cref") {
    optional_argument(source);
    optional_argument(source);
    return add("[" + std::string(argument(source)) + "]");
  }
  if (name == "input" || name == "include" || name == "subfile") {
    const std::string_view file = argument(source);
    if (!file.empty() && inputs_.size() < 1000) inputs_.emplace_back(file);
    return;
  }
  optional_argument(source);
  for (int n = hidden_arguments(name); n > 0; --n) {
    argument(source);
    optional_argument(source);
  }
}

void Reader::add_accent(Source& source, std::string_view mark) {
  std::string letter(argument(source));
  while (letter.empty() && source.at < source.text.size() && source.text[source.at] == ' ') ++source.at;
  if (letter.empty() && source.at < source.text.size()) {
    std::size_t end = source.at;
    if (source.text[end] == '\\') ++end;  // \'\i
    if (end < source.text.size()) end += character_length(source.text, end);
    letter = source.text.substr(source.at, end - source.at);
    source.at = end;
  }
  if (letter == "\\i") letter = "i";
  if (letter == "\\j") letter = "j";
  add(letter);
  if (!letter.empty() && is_letter(letter.back())) add(mark);
}

// Commands that make blocks, or read on in a way of their own.
bool Reader::structure(Source& source, std::string_view name) {
  if (const int level = heading_level(name); level > 0 && n_arguments_ == 0) {
    optional_argument(source);
    end_paragraph();
    const std::string heading = argument_text(source);
    blocks_.heading(level, heading);
  } else if (name == "begin") {
    begin_environment(source);
  } else if (name == "end") {
    end_environment(source);
  } else if (name == "item" || name == "bibitem") {
    item(source);
  } else if (name == "title") {
    optional_argument(source);
    title_ = argument_text(source);
  } else if (name == "footnote") {
    optional_argument(source);
    notes_.emplace_back();
    const std::size_t number = notes_.size();
    add("[^" + std::to_string(number) + "]");
    std::string note = argument_text(source);
    notes_[number - 1] = std::move(note);
  } else if (name == "caption") {
    optional_argument(source);
    const std::string caption = argument_text(source);
    end_paragraph();
    if (n_arguments_ == 0) {
      put(caption);
    } else {
      add(caption);
    }
  } else if (name == "par") {
    end_paragraph();
  } else if (name == "verb" || name == "lstinline" || name == "mintinline") {
    if (name == "mintinline") argument(source);
    if (name != "verb") optional_argument(source);
    verb(source);
  } else if (name == "iffalse") {
    skip_false_branch(source);
  } else if (name == "newcommand" || name == "renewcommand" || name == "providecommand" || name == "newenvironment" ||
             name == "renewenvironment") {
    define(source, name);
  } else if (name == "def" || name == "gdef" || name == "edef" || name == "xdef") {
    define_by_def(source);
  } else if (name == "maketitle" || name == "hline" || name == "toprule" || name == "midrule" || name == "bottomrule") {
    return true;
  } else {
    return false;
  }
  return true;
}

void Reader::verb(Source& source) {
  if (source.at >= source.text.size()) return;
  const char open = source.text[source.at];
  const char close = open == '{' ? '}' : open;
  const char ends[] = {close, '\n'};
  const std::size_t end = source.text.find_first_of(std::string_view(ends, 2), source.at + 1);
  if (end == npos || source.text[end] == '\n') return;
  add(source.text.substr(source.at + 1, end - source.at - 1));
  source.at = end + 1;
}

void Reader::skip_false_branch(Source& source) {
  int n_open = 1;
  while (n_open > 0) {
    source.at = source.text.find('\\', source.at);
    if (source.at == npos) {
      source.at = source.text.size();
      return;
    }
    const std::string_view rest = source.text.substr(source.at + 1, 4);
    if (rest.starts_with("fi") && (rest.size() < 3 || !is_letter(rest[2]))) --n_open;
    if (rest.starts_with("if")) ++n_open;
    source.at += rest.starts_with("fi") ? 3 : 2;
    source.at = std::min(source.at, source.text.size());
  }
}

}  // namespace hearth::text::latex

namespace hearth::text {

bool looks_like_latex_document(std::string_view head) {
  for (const std::string_view mark : {"\\documentclass", "\\documentstyle", "\\begin{document}", "\\section",
                                      "\\chapter", "\\subsection", "\\begin{itemize}", "\\paragraph"}) {
    if (head.find(mark) != std::string_view::npos) return true;
  }
  return false;
}

std::optional<Rejection> latex_to_text(std::string_view source, Extracted& extracted) {
  latex::Reader reader(source);
  extracted.text = reader.text();
  if (!reader.title().empty()) extracted.attributes.emplace_back("title", dump_json(Json(reader.title())));
  if (!reader.inputs().empty()) extracted.attributes.emplace_back("inputs", dump_json(Json(reader.inputs())));
  if (extracted.text.empty()) return Rejection{"no-text", "the document holds nothing but commands"};
  return std::nullopt;
}

}  // namespace hearth::text
