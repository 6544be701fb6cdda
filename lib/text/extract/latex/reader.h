// SPDX-License-Identifier: Apache-2.0
// Reads LaTeX from left to right: text goes to where the environment around wants it. Arguments that stand elsewhere
// (headings, footnotes) and macros of the document's own are read by the same loop, to a depth and within a budget.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/text/extract/latex/symbols.h"
#include "lib/text/extract/text_blocks.h"

namespace hearth::text::latex {

class Reader {
 public:
  explicit Reader(std::string_view source);
  std::string text();
  const std::string& title() const { return title_; }
  const std::vector<std::string>& inputs() const { return inputs_; }

 private:
  // What is being read, with the partner of each brace.
  struct Source {
    explicit Source(std::string_view all);
    std::size_t close_of(std::size_t open) const;  // npos: it is never closed
    std::string_view text;
    std::vector<std::pair<std::size_t, std::size_t>> braces;  // by the opening one
    std::size_t at = 0;
    std::vector<std::string> absent;  // ends of formulas that do not come any more
  };
  struct Macro {
    int n_arguments = 0;
    bool has_default = false;
    std::string first, body;
  };
  struct List {
    Environment kind;
    int n_items = 0;
  };

  // reader.cpp
  void read(Source& source);
  void step(Source& source);
  void command(Source& source);
  void known_command(Source& source, std::string_view name);
  bool structure(Source& source, std::string_view name);
  void add_accent(Source& source, std::string_view mark);
  void formula(Source& source, std::size_t begin, std::string_view end_mark, bool displayed);
  void quotes_and_dashes(Source& source);
  void skip_comment(Source& source);
  std::string argument_text(Source& source);           // of the braces that come next, as text
  std::string_view argument(Source& source);           // as it is written; "" for none
  std::string_view optional_argument(Source& source);  // in brackets
  std::string text_of(std::string_view part);
  void verb(Source& source);
  void skip_false_branch(Source& source);

  // environments.cpp
  void begin_environment(Source& source);
  void end_environment(Source& source);
  void verbatim(Source& source, std::string_view name);
  void item(Source& source);
  void end_row();
  void define(Source& source, std::string_view name);
  void define_by_def(Source& source);
  void expand(Source& source, const Macro& macro);

  void add(std::string_view text);
  void add_space();
  void end_paragraph();
  void put(std::string_view text);  // a paragraph, or an item that began
  int depth() const { return static_cast<int>(lists_.size()); }

  Source source_;
  TextBlocks blocks_;
  std::unordered_map<std::string, Macro> macros_;
  std::vector<List> lists_;
  std::vector<std::string> cells_;  // of the open row
  std::vector<std::string> notes_, inputs_;
  std::string text_, marker_, title_;
  bool has_item_ = false, ended_ = false;
  int n_tables_ = 0, level_ = 0, n_arguments_ = 0;
  std::uint64_t budget_;  // bytes that may still come out of macros
};

}  // namespace hearth::text::latex
