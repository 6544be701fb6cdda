// SPDX-License-Identifier: Apache-2.0
// Explicit markup of reStructuredText (".. "): directives of docutils and Sphinx by what a reader sees of them, notes,
// substitutions; comments and targets, of which nothing is seen.
#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "lib/text/extract/rst/parser.h"

namespace hearth::text::rst {
namespace {

constexpr auto npos = std::string_view::npos;

enum class Shows {
  nothing,
  code,
  admonition,
  content,
  change,
  title,
  math,
  table,
  list_table,
  csv_table,
  object,
  other
};

struct Known {
  Shows shows;
  std::string_view names;  // each between spaces
};

constexpr Known known[] = {
    {Shows::nothing,
     " toctree index contents meta image figure include raw literalinclude currentmodule module py:module "
     "py:currentmodule "
     "highlight highlightlang default-role role sectnum header footer target-notes tabularcolumns bibliography "
     "default-domain sectionauthor moduleauthor codeauthor graphviz digraph graph inheritance-diagram plot autosummary "
     "automodule autoclass autofunction automethod autodata autoattribute autoexception autoenum doxygenfunction "
     "doxygenstruct doxygenclass kernel-doc date unicode "
     "program testsetup testcleanup doxygenenum doxygentypedef "},
    {Shows::code,
     " code code-block sourcecode parsed-literal prompt productionlist doctest testcode testoutput ipython console "
     "jupyter-execute grammar-snippet code-cell "},
    {Shows::admonition, " note warning tip hint important caution danger error attention seealso todo "},
    {Shows::content,
     " only ifconfig container compound class epigraph pull-quote highlights glossary hlist acks tabs grid "
     "details line-block cssclass rst-class tab-set "},
    {Shows::change, " versionadded versionchanged deprecated deprecated-removed versionremoved "},
    {Shows::title, " admonition topic sidebar rubric centered tab tab-item dropdown card "},
    {Shows::math, " math "},
    {Shows::table, " table "},
    {Shows::list_table, " list-table flat-table "},
    {Shows::csv_table, " csv-table "},
    {Shows::object,
     " function method class-method staticmethod classmethod attribute data exception option envvar describe object "
     "cmdoption opcode decorator decoratormethod macro type member var struct union enum enumerator confval property "
     "setting pdbcommand 2to3fixer monitoring-event pyobject "},
};

Shows shown_by(std::string_view name, bool has_content) {
  if (name == "class" && !has_content) return Shows::nothing;
  const std::string spaced = " " + std::string(name) + " ";
  for (const Known& each : known) {
    if (each.names.find(spaced) != npos) return each.shows;
  }
  return name.find(':') != npos ? Shows::object : Shows::other;  // "c:function": an object of a domain
}

std::string label_of(std::string_view name) {
  std::string label(name == "seealso" ? "see also" : name);
  label[0] = static_cast<char>(label[0] - 'a' + 'A');
  return label + ": ";
}

// Of "name:: argument" the name, or "".
std::string_view directive_name(std::string_view text, std::string_view& argument) {
  const std::size_t colons = text.find("::");
  if (colons == npos || colons == 0) return {};
  const std::string_view name = trim(text.substr(0, colons));
  if (name.empty() ||
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:+.") != npos)
    return {};
  if (colons + 2 < text.size() && text[colons + 2] != ' ') return {};
  argument = trim(text.substr(std::min(colons + 2, text.size())));
  return name;
}

std::string_view option_of(const std::vector<std::string_view>& options, std::string_view name) {
  for (const std::string_view option : options) {
    const std::size_t close = option.find(':', 1);
    if (option.substr(1, close - 1) == name) return trim(option.substr(close + 1));
  }
  return {};
}

// The fields of one line of comma-separated values; quotes may stand around a field.
std::vector<std::string> csv_fields(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"') {
      quoted = !quoted;
      if (quoted && i > 0 && line[i - 1] == '"' && !fields.back().empty()) fields.back() += c;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

}  // namespace

std::size_t Parser::explicit_markup(const Body& body, std::size_t i) {
  const std::string_view first = line(body, i);
  const std::size_t end = std::max(i + 1, end_of_block(body, i + 1, body.margin + 1));
  if (first.starts_with("__ ")) return i + 1;
  const std::string_view text = trim(first.substr(2));
  if (text.empty()) {  // a comment; on its own line it may close a block and then takes nothing along
    return i + 1 < body.end && is_blank(i + 1) ? i + 1 : end;
  }
  if (text.starts_with('_')) return end;
  if (text.starts_with('[')) {  // a note or a citation
    const std::size_t close = text.find("] ");
    if (close == npos) return end;
    std::string note(text);
    for (std::size_t k = i + 1; k < end; ++k) note.append(" ").append(line(body, k));
    if (note.starts_with("[#")) note.erase(1, close == 2 ? 0 : 1);
    put(plain(note), body.depth);
    return end;
  }
  std::string_view rest = text, argument;
  std::string_view substitution;
  if (text.starts_with('|')) {
    const std::size_t close = text.find('|', 1);
    if (close == npos) return end;
    substitution = text.substr(1, close - 1);
    rest = trim(text.substr(close + 1));
  }
  const std::string_view name = directive_name(rest, argument);
  if (name.empty()) return end;  // a comment
  if (!substitution.empty()) {
    std::string value(argument);
    for (std::size_t k = i + 1; k < end && name == "replace"; ++k) value.append(" ").append(line(body, k));
    if (name == "replace") substitutions_[std::string(substitution)] = plain(value);
    if (name == "image") substitutions_[std::string(substitution)] = "";
    return end;
  }
  run(directive_of(body, i, end, name, argument), body);
  return end;
}

Parser::Directive Parser::directive_of(const Body& body, std::size_t i, std::size_t end, std::string_view name,
                                       std::string_view argument) const {
  Directive directive{name, argument, {}, {}};
  std::size_t k = i + 1;
  for (; k < end && !is_blank(k) && trim(line(body, k)).starts_with(':'); ++k) {
    const std::string_view option = trim(line(body, k));
    if (option.find(':', 1) == npos) break;
    directive.options.push_back(option);
  }
  directive.content = inside(body, k, end);
  return directive;
}

void Parser::run(const Directive& directive, const Body& body) {
  const int depth = body.depth;
  const bool has_content = directive.content.begin < directive.content.end;
  const bool too_deep = directive.content.level > 24;
  const auto content = [&] {
    if (!too_deep) read(directive.content);
  };
  const auto with_label = [&](std::string label) {  // "Note: " in front of what comes first
    std::string text(directive.argument);
    Body rest = directive.content;
    for (; rest.begin < rest.end && !is_blank(rest.begin) && indent(rest.begin) == rest.margin; ++rest.begin) {
      const std::string_view one = line(rest, rest.begin);
      const bool prose = !one.starts_with("..") && !one.starts_with("* ") && !one.starts_with("- ") &&
                         !one.starts_with(':') && !one.ends_with("::");
      if (!prose) break;
      text.append(text.empty() ? "" : " ").append(one);
    }
    if (!text.empty()) put(label.append(plain(text)), depth);
    if (!too_deep) read(rest);
  };
  switch (shown_by(directive.name, has_content)) {
    case Shows::nothing:
      if (directive.name == "figure") content();
      return;
    case Shows::code: {
      const bool tells_language =
          directive.name == "code" || directive.name == "code-block" || directive.name == "sourcecode";
      if (directive.name == "productionlist") return put_fenced(raw(directive.content), "", depth);
      return put_fenced(raw(directive.content), tells_language ? directive.argument : std::string_view(), depth);
    }
    case Shows::admonition:
      return with_label(label_of(directive.name));
    case Shows::content:
      return content();
    case Shows::change: {
      const std::string_view version = directive.argument.substr(0, directive.argument.find(' '));
      Directive rest = directive;
      rest.argument = trim(directive.argument.substr(version.size()));
      const std::string_view verb = directive.name == "versionadded"     ? "New in version "
                                    : directive.name == "versionchanged" ? "Changed in version "
                                                                         : "Deprecated since version ";
      put(plain(std::string(verb) + std::string(version) + (rest.argument.empty() && !has_content ? "." : ": ") +
                std::string(rest.argument)),
          depth);
      return content();
    }
    case Shows::title:
    case Shows::table:
      if (!directive.argument.empty()) put(plain(directive.argument), depth);
      return content();
    case Shows::math: {
      std::string formula(directive.argument);
      formula.append(formula.empty() ? "" : "\n").append(raw(directive.content));
      return put("$$\n" + std::string(trim(formula)) + "\n$$", depth);
    }
    case Shows::list_table:
      if (!directive.argument.empty()) put(plain(directive.argument), depth);
      return list_table(directive);
    case Shows::csv_table:
      if (!directive.argument.empty()) put(plain(directive.argument), depth);
      return csv_table(directive);
    case Shows::object:
      return describe(directive, body);
    case Shows::other:
      if (!directive.argument.empty()) put(plain(directive.argument), depth);
      return content();
  }
}

// An object of code: its signatures, then what is said of it.
void Parser::describe(const Directive& directive, const Body& body) {
  std::string signatures(directive.argument);
  Body rest = directive.content;
  if (directive.options.empty()) {
    for (; rest.begin < rest.end && !is_blank(rest.begin); ++rest.begin)
      signatures.append("\n").append(trim(line(rest, rest.begin)));
  }
  close_item(body.depth);
  std::erase(signatures, '\\');
  open_item("- ", signatures + "\n");
  ++rest.depth;
  if (rest.level <= 24) read(rest);
  close_item(rest.depth);
}

// A list of rows, each a list of cells.
void Parser::list_table(const Directive& directive) {
  std::vector<std::string> cells;
  const Body& body = directive.content;
  close_item(body.depth);
  const auto end_row = [&] {
    for (std::string& cell : cells) cell = plain(cell);
    if (!cells.empty()) blocks_.row(cells, body.depth);
    cells.clear();
  };
  for (std::size_t i = body.begin; i < body.end; ++i) {
    std::string_view text = line(body, i);
    if (text.starts_with("* ")) {
      end_row();
      text = trim(text.substr(2));
    }
    text = trim(text);
    if (text.starts_with("- ") || text == "-") {
      cells.emplace_back(text.substr(std::min<std::size_t>(2, text.size())));
    } else if (!cells.empty() && !text.empty()) {
      cells.back().append(" ").append(text);
    }
  }
  end_row();
  blocks_.end_table();
}

void Parser::csv_table(const Directive& directive) {
  const Body& body = directive.content;
  close_item(body.depth);
  const auto put_row = [&](std::string_view fields) {
    std::vector<std::string> cells = csv_fields(fields);
    for (std::string& cell : cells) cell = plain(cell);
    blocks_.row(cells, body.depth);
  };
  if (const std::string_view header = option_of(directive.options, "header"); !header.empty()) put_row(header);
  for (std::size_t i = body.begin; i < body.end; ++i) {
    if (!is_blank(i)) put_row(line(body, i));
  }
  blocks_.end_table();
}

}  // namespace hearth::text::rst
