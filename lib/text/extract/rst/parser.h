// SPDX-License-Identifier: Apache-2.0
// The blocks of reStructuredText: a file is its lines, and a body (of a list item, a directive, a quote) a range of
// them with the columns that are its margin. Bodies within bodies are read to a depth; what lies deeper is text.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/extract/rst/inline.h"
#include "lib/text/extract/text_blocks.h"

namespace hearth::text::rst {

// Lines [begin, end), of each the bytes from margin on; level is how many bodies are around, depth how many lists.
struct Body {
  std::size_t begin = 0, end = 0, margin = 0;
  int level = 0, depth = 0;
};

class Parser {
 public:
  explicit Parser(std::string_view source);
  std::string text();

 private:
  struct Directive {
    std::string_view name, argument;
    std::vector<std::string_view> options;  // ":name: value"
    Body content;                           // begin == end: none
  };

  // lines
  std::string_view line(const Body& body, std::size_t i) const;
  std::size_t indent(std::size_t i) const { return indents_[i]; }  // npos of a blank line
  bool is_blank(std::size_t i) const { return indents_[i] == std::string_view::npos; }
  std::size_t end_of_block(const Body& body, std::size_t i, std::size_t least_indent) const;
  Body inside(const Body& body, std::size_t begin, std::size_t end) const;
  Body hanging(const Body& body, std::size_t i, std::size_t end, std::size_t width);
  std::string raw(const Body& body) const;

  // blocks: each takes the line it begins with, and says where the next one begins
  void read(const Body& body);
  std::size_t read_block(const Body& body, std::size_t i);
  std::size_t section(const Body& body, std::size_t i);
  std::size_t list_item(const Body& body, std::size_t i);
  std::size_t field(const Body& body, std::size_t i);
  std::size_t option(const Body& body, std::size_t i);
  std::size_t line_block(const Body& body, std::size_t i);
  std::size_t doctest(const Body& body, std::size_t i);
  std::size_t table(const Body& body, std::size_t i);
  std::size_t paragraph(const Body& body, std::size_t i);
  std::size_t literal_block(const Body& body, std::size_t i);

  // explicit markup (directives.cpp)
  std::size_t explicit_markup(const Body& body, std::size_t i);
  Directive directive_of(const Body& body, std::size_t i, std::size_t end, std::string_view name,
                         std::string_view argument) const;
  void run(const Directive& directive, const Body& body);
  void describe(const Directive& directive, const Body& body);
  void list_table(const Directive& directive);
  void csv_table(const Directive& directive);

  // tables (tables.cpp)
  std::size_t grid_table(const Body& body, std::size_t i);
  std::size_t simple_table(const Body& body, std::size_t i);

  void put(std::string_view text, int depth);  // a paragraph, or what the pending item begins with
  void put_fenced(std::string_view text, std::string_view language, int depth);
  void open_item(std::string marker, std::string term);
  void close_item(int depth);
  std::string plain(std::string_view source) const { return inline_text(source, substitutions_); }

  std::string expanded_;  // the source with tabs as spaces
  std::vector<std::string_view> lines_;
  std::vector<std::size_t> indents_;
  std::vector<std::string> adornments_;  // of titles, by level: "=", or "==" with an overline
  Substitutions substitutions_;
  TextBlocks blocks_;
  std::string marker_, term_;  // of an item that began and has no text yet; the term with what parts it from the text
  bool has_item_ = false;
};

}  // namespace hearth::text::rst
