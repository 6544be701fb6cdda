// SPDX-License-Identifier: Apache-2.0
// Environments of LaTeX, and the macros a document defines.
#include <algorithm>

#include "lib/base/text.h"
#include "lib/text/extract/latex/reader.h"

namespace hearth::text::latex {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::size_t max_lists = 8;
constexpr std::size_t max_cells = 256;

// "[language=C++, caption=x]" and "{python}": the language in lower case.
std::string language_of(std::string_view options) {
  const std::size_t at = options.find("language=");
  if (at == npos) return {};
  std::string language(options.substr(at + 9, options.find_first_of(",]", at) - at - 9));
  for (char& c : language) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return language.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+#-") == npos ? language : std::string();
}

}  // namespace

void Reader::begin_environment(Source& source) {
  const std::size_t begin = source.at - std::string_view("\\begin").size();
  const std::string name(argument(source));
  if (name.empty()) return;
  switch (environment(name)) {
    case Environment::verbatim:
      return verbatim(source, name);
    case Environment::math: {
      const std::size_t at = source.at;
      source.at = begin;
      return formula(source, at, "\\end{" + name + "}", true);
    }
    case Environment::hidden: {
      const std::string end = "\\end{" + name + "}";
      const std::size_t found = source.text.find(end, source.at);
      source.at = found == npos ? source.text.size() : found + end.size();
      return;
    }
    case Environment::itemize:
    case Environment::enumerate:
    case Environment::description:
      end_paragraph();
      optional_argument(source);
      if (name == "thebibliography") argument(source);
      if (n_arguments_ == 0 && lists_.size() < max_lists) lists_.push_back({environment(name), 0});
      return;
    case Environment::table:
      if (n_tables_ == 0) end_paragraph();
      if (name != "tabular" && name != "longtable" && name != "array" && name != "tblr") argument(source);
      optional_argument(source);
      argument(source);
      if (n_arguments_ == 0) ++n_tables_;
      return;
    case Environment::text:
      end_paragraph();
      if (name == "minipage" || name == "multicols" || name == "wrapfigure" || name == "adjustbox") {
        optional_argument(source);
        argument(source);
        if (name == "wrapfigure") argument(source);
      } else {
        const std::string_view option = optional_argument(source);
        const bool placement = option.find_first_not_of("!htbpH") == npos;
        if (!placement && name != "figure" && name != "table" && name != "frame") add(text_of(option) + ". ");
      }
      return;
  }
}

void Reader::end_environment(Source& source) {
  const std::string name(argument(source));
  if (name == "document") {
    end_paragraph();
    ended_ = true;
    return;
  }
  const Environment kind = environment(name);
  if (kind == Environment::table && n_tables_ > 0 && n_arguments_ == 0) {
    end_row();
    if (--n_tables_ == 0) blocks_.end_table();
    return;
  }
  end_paragraph();
  const bool list = kind == Environment::itemize || kind == Environment::enumerate || kind == Environment::description;
  if (list && !lists_.empty() && n_arguments_ == 0) {
    if (has_item_) put("");
    has_item_ = false;
    lists_.pop_back();
  }
}

void Reader::verbatim(Source& source, std::string_view name) {
  std::string language = language_of(optional_argument(source));
  if (name == "minted") language = std::string(argument(source));
  const std::string end_mark = "\\end{" + std::string(name) + "}";
  const std::size_t found = source.text.find(end_mark, source.at);
  const std::string_view code = source.text.substr(source.at, found == npos ? npos : found - source.at);
  source.at = found == npos ? source.text.size() : found + end_mark.size();
  if (n_arguments_ > 0 || n_tables_ > 0) return add(code);
  end_paragraph();
  if (has_item_) put("");
  has_item_ = false;
  blocks_.fenced(code, language, depth());
}

void Reader::item(Source& source) {
  std::string label(optional_argument(source));
  if (n_arguments_ > 0) return add_space();
  end_paragraph();
  if (has_item_) put("");
  marker_ = "- ";
  if (!lists_.empty() && lists_.back().kind == Environment::enumerate && label.empty())
    marker_ = std::to_string(++lists_.back().n_items) + ". ";
  has_item_ = true;
  const bool cites = source.at < source.text.size() && source.text[source.at] == '{';
  if (cites && !lists_.empty() && lists_.back().kind == Environment::description && label.empty())
    label = argument(source);  // of \bibitem its key
  if (!label.empty()) add(text_of(label) + ": ");
}

void Reader::end_row() {
  if (cells_.size() < max_cells) cells_.push_back(std::exchange(text_, {}));
  text_.clear();
  for (std::string& cell : cells_) cell = collapsed(cell);
  blocks_.row(cells_, depth());
  cells_.clear();
}

// \newcommand{\name}[2][default]{body}
void Reader::define(Source& source, std::string_view command) {
  const bool of_environment = command.ends_with("environment");
  std::string_view name = trim(argument(source));
  if (name.empty() && source.text.substr(source.at, 1) == "\\") {  // \newcommand\name
    const std::size_t end = source.text.find_first_of("[{ \n", source.at);
    if (end == npos) return;
    name = source.text.substr(source.at, end - source.at);
    source.at = end;
  }
  Macro macro;
  const std::string_view count = optional_argument(source);
  if (count.size() == 1 && count[0] >= '0' && count[0] <= '9') macro.n_arguments = count[0] - '0';
  const std::size_t before = source.at;
  macro.first = std::string(optional_argument(source));
  macro.has_default = source.at > before;
  macro.body = std::string(argument(source));
  if (of_environment) {
    argument(source);
    return;
  }
  if (name.size() < 2 || name[0] != '\\' || !symbol(name.substr(1)).value_or("").empty()) return;
  if (heading_level(name.substr(1)) > 0 || macro.body.size() > 4096) return;  // the layout of headings
  macros_[std::string(name.substr(1))] = std::move(macro);
}

// \def\name#1#2{body}
void Reader::define_by_def(Source& source) {
  const std::size_t brace = source.text.find_first_of("{\n", source.at);
  if (brace == npos || source.text[brace] != '{' || source.text.substr(source.at, 1) != "\\") return;
  const std::string_view head = source.text.substr(source.at + 1, brace - source.at - 1);
  source.at = brace;
  Macro macro;
  macro.body = std::string(argument(source));
  const std::string name(trim(head.substr(0, head.find('#'))));
  macro.n_arguments = static_cast<int>(std::min<std::ptrdiff_t>(std::count(head.begin(), head.end(), '#'), 9));
  const bool plain = name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@") == npos;
  if (plain && !name.empty() && macro.body.size() <= 4096) macros_[name] = std::move(macro);
}

void Reader::expand(Source& source, const Macro& macro) {
  std::vector<std::string> arguments;
  for (int i = 0; i < macro.n_arguments; ++i) {
    const std::size_t before = source.at;
    std::string_view value = i == 0 && macro.has_default ? optional_argument(source) : argument(source);
    if (i == 0 && macro.has_default && source.at == before) value = macro.first;
    arguments.emplace_back(value);
  }
  if (macro.n_arguments == 0 && source.text.substr(source.at, 2) == "{}") source.at += 2;
  std::string body;
  for (std::size_t i = 0; i < macro.body.size(); ++i) {
    const char next = i + 1 < macro.body.size() ? macro.body[i + 1] : '\0';
    if (macro.body[i] == '#' && next >= '1' && next <= '9') {
      const auto which = static_cast<std::size_t>(next - '1');
      if (which < arguments.size()) body += arguments[which];
      ++i;
    } else {
      body += macro.body[i];
    }
  }
  constexpr int deepest = 12;
  if (level_ >= deepest || body.size() > budget_) return;
  budget_ -= body.size() + 1 > budget_ ? budget_ : body.size() + 1;
  ++level_;
  Source inner(body);
  read(inner);
  --level_;
}

}  // namespace hearth::text::latex
