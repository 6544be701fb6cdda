// SPDX-License-Identifier: Apache-2.0
// Order of the rules: the whole name; HTML by extension; XML by its first line; an extension that several languages
// share, by content; other extensions; then, for names that say nothing, "#!" and editors' mode lines, and what the
// first lines look like.
#include "lib/text/file_type.h"

#include <algorithm>
#include <array>
#include <functional>

#include "lib/base/text.h"
#include "lib/text/extract/latex/latex.h"
#include "lib/text/extract/man/man.h"
#include "lib/text/languages.h"

namespace hearth::text {
namespace {

constexpr std::size_t head_bytes = 32 << 10;  // of a file that rules by content look at

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower;
}

template <std::size_t n>
bool contains_word_of(std::string_view word, const std::array<std::string_view, n>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr std::array<std::string_view, 5> html_extensions = {"html", "htm", "xhtml", "shtml", "xht"};
constexpr std::array<std::string_view, 5> markdown_extensions = {"md", "markdown", "mkd", "mdown", "mdx"};
constexpr std::array<std::string_view, 11> prose_extensions = {"txt", "text", "org",     "adoc", "asciidoc", "texi",
                                                               "me",  "log",  "textile", "wiki", "news"};

constexpr std::array<std::string_view, 8> man_extensions = {"man", "mdoc", "roff", "troff", "n", "l", "0p", "in"};

constexpr std::array<std::string_view, 5> compression_suffixes = {".gz", ".zst", ".zstd", ".xz", ".bz2"};

// Calls test on the lines of text, without leading spaces, until it says true.
bool any_line(std::string_view text, const std::function<bool(std::string_view)>& test) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (!line.empty() && test(line)) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

bool starts_with_any(std::string_view line, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return line.starts_with(word); });
}

bool looks_cpp(std::string_view text) {
  return any_line(text, [](std::string_view line) {
    return starts_with_any(line, {"class ", "namespace ", "template<", "template <", "using ", "public:", "private:",
                                  "protected:", "static_assert(", "constexpr ", "inline namespace"}) ||
           (line.find("std::") != std::string_view::npos && !starts_with_any(line, {"*", "/"}));
  });
}

// True when what comes first, behind comments, is a directive of the C preprocessor. Prose may quote one further down.
bool begins_like_c(std::string_view text) {
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\n\f"), text.size()));
    if (text.starts_with("//")) {
      text.remove_prefix(std::min(text.find('\n'), text.size()));
    } else if (text.starts_with("/*")) {
      const std::size_t end = text.find("*/", 2);
      if (end == std::string_view::npos) return false;
      text.remove_prefix(end + 2);
    } else {
      break;
    }
  }
  if (!text.starts_with("#")) return false;
  text.remove_prefix(1);
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return starts_with_any(text, {"include <", "include \"", "ifndef ", "ifdef ", "define ", "if defined", "if !defined",
                                "pragma ", "line "});
}

bool looks_pascal(std::string_view text) {
  return any_line(text, [](std::string_view line) {
    const std::string lower = lower_case(trim(line));
    return starts_with_any(lower, {"unit ", "program ", "procedure ", "uses ", "{$"}) || lower == "begin" ||
           lower == "implementation" || lower == "end." ||
           (lower.find(":=") != std::string::npos && lower.ends_with(";"));
  });
}

// Extensions that mean several languages.
std::string_view language_by_content(std::string_view extension, std::string_view text) {
  const auto has = [&](std::initializer_list<std::string_view> starts) {
    return any_line(text, [&](std::string_view line) { return starts_with_any(line, starts); });
  };
  const bool may_be_c =
      extension == "inc" || extension == "def" || extension == "cfg";  // included by C, or anything else
  if (extension == "h" || (may_be_c && begins_like_c(text))) return looks_cpp(text) ? "c++" : "c";
  if (extension == "m")
    return has({"@interface", "@implementation", "#import", "@protocol", "@class"}) ? "objective-c" : "matlab";
  if (extension == "pl") return has({":- ", ":-module"}) && !has({"use ", "my ", "#!"}) ? "prolog" : "perl";
  if (extension == "pp") {  // Puppet, Pascal, and what a compiler prints prettily
    if (has({"fn ", "pub fn ", "impl ", "#![", "extern crate ", "use std::", "let mut "})) return "rust";
    if (looks_pascal(text)) return "pascal";
    if (has({"class ", "node ", "define ", "include ", "package {", "file {", "service {", "exec {", "if $"}))
      return "puppet";
  }
  if (extension == "inc") {
    if (looks_pascal(text)) return "pascal";
    if (has({"%macro", "%define ", "%if", ".macro", ".globl "})) return "assembly";
    if (has({"#define ", "#include ", "#if", "static ", "extern ", "typedef "})) return looks_cpp(text) ? "c++" : "c";
  }
  if (extension == "v") return has({"Require ", "Theorem ", "Lemma ", "Qed."}) ? "coq" : "verilog";
  if (extension == "ll") return has({"define ", "declare ", "target "}) ? "llvm" : "lex";
  if (extension == "cl") return has({"__kernel", "kernel "}) ? "opencl" : "common lisp";
  return {};
}

std::string_view language_of_shebang(std::string_view text) {
  if (!text.starts_with("#!")) return {};
  const std::vector<std::string> words = split(std::string(trim(text.substr(2, text.find('\n') - 2))), ' ');
  for (const std::string& word : words) {
    const std::string program = word.substr(word.rfind('/') + 1);
    if (program.empty() || program == "env" || program.starts_with("-") || program.find('=') != std::string::npos)
      continue;
    return language_of_interpreter(lower_case(program));
  }
  return {};
}

// "-*- C++ -*-", "-*- mode: python; -*-" and "vim: set ft=cpp:" in the first two lines.
std::string_view language_of_mode_line(std::string_view text) {
  const std::size_t first = text.find('\n');
  const std::string_view lines = text.substr(0, first == std::string_view::npos ? first : text.find('\n', first + 1));
  if (const std::size_t open = lines.find("-*-"); open != std::string_view::npos) {
    const std::size_t close = lines.find("-*-", open + 3);
    if (close == std::string_view::npos) return {};
    std::string_view mode = trim(lines.substr(open + 3, close - open - 3));
    if (const std::size_t named = lower_case(mode).find("mode:"); named != std::string::npos)
      mode = trim(mode.substr(named + 5));
    return language_of_mode(trim(mode.substr(0, mode.find(';'))));
  }
  for (const std::string_view key : {"ft=", "filetype="}) {
    const std::size_t vim = lines.find("vim:"), at = lines.find(key, vim == std::string_view::npos ? vim : vim + 4);
    if (at == std::string_view::npos) continue;
    const std::string_view mode = lines.substr(at + key.size());
    return language_of_mode(mode.substr(0, mode.find_first_of(" :\n\t")));
  }
  return {};
}

TypeAndLanguage code(std::string_view language) {
  return {FileType::code, language};
}

bool begins_like_html(std::string_view text) {
  const std::string head = lower_case(trim(text.substr(0, 1024)));
  const std::string_view start =
      std::string_view(head).substr(head.starts_with("<?xml") ? std::min(head.find("?>") + 2, head.size()) : 0);
  return trim(start).starts_with("<!doctype html") || trim(start).starts_with("<html");
}

// "ls.1", "printf.3p", "Tcl.n" by their extension; names that say so.
bool may_be_man(std::string_view extension) {
  const bool section = !extension.empty() && extension.size() <= 6 &&
                       std::string_view("123456789").find(extension[0]) != std::string_view::npos &&
                       extension.find_first_not_of("abcdefghijklmnopqrstuvwxyz", 1) == std::string_view::npos;
  return section || contains_word_of(extension, man_extensions);
}

// For a name that says nothing.
TypeAndLanguage type_by_content(std::string_view text) {
  if (const auto language = language_of_shebang(text); !language.empty()) return code(language);
  if (const auto language = language_of_mode_line(text); !language.empty()) return code(language);
  if (begins_like_html(text)) return {FileType::html, {}};
  if (trim(text.substr(0, 64)).starts_with("<?xml")) return code("xml");
  if (trim(text.substr(0, 64)).starts_with("<?php")) return code("php");
  return {};
}

}  // namespace

std::string_view name_of(FileType type) {
  static constexpr std::string_view names[] = {"text", "markdown", "html", "code", "jsonl", "notebook",
                                               "pdf",  "docx",     "pptx", "xlsx", "odt",   "odp",
                                               "ods",  "epub",     "man",  "rst",  "latex", "rtf"};
  return names[static_cast<std::size_t>(type)];
}

TypeAndLanguage file_type(std::string_view file_name, std::string_view text) {
  const std::string_view head = text.substr(0, head_bytes);
  if (is_jsonl_name(file_name)) return {FileType::jsonl, {}};
  if (const auto language = language_of_file_name(file_name); !language.empty()) return code(language);
  const std::size_t dot = file_name.rfind('.');
  const bool has_extension = dot != std::string_view::npos && dot > 0 && dot + 1 < file_name.size();
  const std::string extension = has_extension ? lower_case(file_name.substr(dot + 1)) : std::string();
  if (contains_word_of(extension, html_extensions)) return {FileType::html, {}};
  if (extension == "ipynb") return {FileType::notebook, {}};
  if (contains_word_of(extension, markdown_extensions)) return {FileType::markdown, {}};
  if (extension == "rst" || extension == "rest") return {FileType::rst, {}};
  const bool may_be_latex = extension == "tex" || extension == "ltx" || extension == "latex";
  if (may_be_latex && looks_like_latex_document(head)) return {FileType::latex, {}};
  if (contains_word_of(extension, prose_extensions)) return {FileType::text, {}};
  if (may_be_man(extension) && looks_like_man(head)) return {FileType::man, {}};
  if (has_extension && extension != "php" && trim(head.substr(0, 64)).starts_with("<?xml") && !begins_like_html(head)) {
    return code("xml");
  }
  if (file_name.ends_with(".C") || file_name.ends_with(".H")) return code("c++");
  if (const auto language = language_by_content(extension, head); !language.empty()) return code(language);
  if (const auto language = language_of_extension(extension); !language.empty()) return code(language);
  const TypeAndLanguage by_content = type_by_content(head);
  if (by_content.type != FileType::text || has_extension || !begins_like_c(head)) return by_content;
  return code("c++");  // the C++ standard library and Qt name headers without an extension
}

bool is_jsonl_name(std::string_view file_name) {
  return file_name.ends_with(".jsonl") || file_name.ends_with(".ndjson") || file_name.ends_with(".jsonlines");
}

std::string_view plain_file_name(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  for (const std::string_view suffix : compression_suffixes) {
    if (name.size() > suffix.size() && name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  }
  return name;
}

bool has_compression_suffix(std::string_view path) {
  return !path.ends_with(plain_file_name(path));
}

std::string spdx_license(std::string_view text) {
  constexpr std::string_view tag = "SPDX-License-Identifier:";
  const std::string_view head = text.substr(0, 4096);
  const std::size_t at = head.find(tag);
  if (at == std::string_view::npos) return {};
  std::string_view value = head.substr(at + tag.size());
  value = trim(value.substr(0, value.find('\n')));
  for (const std::string_view closing : {"*/", "-->", "\"", "|#", "*)", "-}"})
    value = trim(value.substr(0, value.find(closing)));
  const bool plausible =
      !value.empty() && value.size() <= 100 &&
      value.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-+() :") ==
          std::string_view::npos;
  return plausible ? std::string(value) : std::string();
}

}  // namespace hearth::text
