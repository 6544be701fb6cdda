// SPDX-License-Identifier: Apache-2.0
// The text of a manual page as its macros put it together (man_macros.cpp, mdoc_macros.cpp): filled paragraphs,
// literal displays, items with or without a term, tables.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/extract/man/roff.h"
#include "lib/text/extract/text_blocks.h"

namespace hearth::text::man {

class Page {
 public:
  void heading(int level, std::string_view text);
  // A line of words, escapes resolved; joined to those before by a space, in a literal display by a line end.
  void words(std::string_view text, bool joins_next = false);
  void no_space() { joins_ = true; }
  void break_line();
  void end_paragraph();
  void plain_paragraph();  // back from the item to the text around it
  // An item begins: "- ", "3. "; with a term, what follows stands below it.
  void item(std::string_view marker, std::string_view term);
  void expect_term(bool another);  // the next words are the term of an item, or one more of it
  void open_indent();              // what follows belongs to the item around, up to close_indent
  void close_indent();
  void literal(bool on);
  bool is_literal() const { return literal_; }
  void row(const std::vector<std::string>& cells);
  void end_table() { blocks_.end_table(); }
  std::string finish();

 private:
  struct Level {
    int depth = 0;
    bool in_item = false;
  };
  int depth() const { return level_.depth + (level_.in_item ? 1 : 0); }
  void flush();

  TextBlocks blocks_;
  Level level_;
  std::vector<Level> outer_;
  std::string text_;  // the paragraph, or the literal display
  std::string marker_, term_;
  bool has_item_ = false;  // one began and is not written
  bool wants_term_ = false, joins_ = false, literal_ = false;
};

// Behind .TS: the table up to .TE (tbl(1)), rows as cells.
void read_table(Roff& roff, Page& page);

// Puts a page together whose first macro was read into line. Each returns when the page ends.
void read_man(Roff& roff, Line& line, Page& page);
void read_mdoc(Roff& roff, Line& line, Page& page);

}  // namespace hearth::text::man
