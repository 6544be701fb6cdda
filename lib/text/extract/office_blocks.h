// SPDX-License-Identifier: Apache-2.0
// The text of an office document as it is put together: paragraphs, headings ("## "), list items ("- "), table rows
// ("a | b"), footnotes ("[^1]", their texts at the end). Paragraphs nest (a text box in a paragraph, a note in a
// sentence); in a table's cell they become one line.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/error.h"

namespace hearth::text {

// Why a document that is sound cannot be used; becomes a Rejection.
class OfficeRefusal : public Error {
 public:
  // reason is a literal.
  OfficeRefusal(const char* reason, const std::string& detail) : Error(Kind::data, detail), reason_(reason) {}
  const char* reason() const { return reason_; }

 private:
  const char* reason_;
};

struct ParagraphForm {
  int heading = 0;  // 1 to 6; 0 for none
  int item = 0;     // depth in lists, from 1; 0 for none
};

class OfficeBlocks {
 public:
  void open_paragraph() { lines_.emplace_back(); }
  void add(std::string_view text);  // to the innermost open paragraph; without one it is dropped
  void close_paragraph(const ParagraphForm& form);
  void add_paragraph(std::string_view text, const ParagraphForm& form);

  // A note is marked where the open paragraph stands. Paragraphs up to close_note are its text.
  void open_note();
  void close_note() { open_notes_.pop_back(); }
  std::string next_mark() const;  // of the note that is added next
  void add_note(std::string text) { notes_.push_back(std::move(text)); }

  // Of tables within tables the outermost has the rows and cells.
  void open_table();
  void close_table();
  void open_row();
  void close_row();
  void open_cell();
  void add_row(const std::vector<std::string>& cells);  // empty ones keep their place, but at the end

  std::string finish();  // throws OfficeRefusal "too-large"

 private:
  enum class Last { none, paragraph, item, row };
  void emit(const std::string& text, Last kind);

  std::string out_;
  Last last_ = Last::none;
  std::vector<std::string> lines_;       // of the open paragraphs
  std::vector<std::string> notes_;       // their texts; the first is [^1]
  std::vector<std::size_t> open_notes_;  // indices
  std::vector<std::string> cells_;       // of the open row
  int n_tables_ = 0;                     // that are open
};

std::string on_one_line(std::string_view text);  // white space runs become one space

}  // namespace hearth::text
