// SPDX-License-Identifier: Apache-2.0
// The text of a document written in a markup language, as its reader puts it together, in the form that HTML pages are
// given too: headings ("## "), paragraphs, list items ("- "), table rows ("a | b"), fenced blocks kept as they are.
// depth says in how many lists a block stands: it is indented so much.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::text {

class TextBlocks {
 public:
  void heading(int level, std::string_view text);                        // 1 to 6, others are moved there; on one line
  void paragraph(std::string_view text, int depth = 0);                  // lines stay
  void item(std::string_view marker, std::string_view text, int depth);  // "- " or "3. "; depth from 1
  void row(const std::vector<std::string>& cells, int depth = 0);        // empty cells keep their place, but at the end
  void end_table() { last_ = Kind::block; }
  void fenced(std::string_view text, std::string_view language = {}, int depth = 0);

  bool empty() const { return out_.empty(); }
  std::string finish();  // ends in a line end; "" when nothing was added

 private:
  enum class Kind : std::uint8_t { block, in_list, row };
  void begin(Kind kind, bool joins);
  void lines(std::string_view text, std::size_t indent);

  std::string out_;
  Kind last_ = Kind::block;
};

// Runs of white space become one space, at both ends none.
std::string collapsed(std::string_view text);

}  // namespace hearth::text
