// SPDX-License-Identifier: Apache-2.0
// A text as the words that licence notices are told by: lower case, one space behind each, without punctuation and
// comment signs, so that a notice reads the same in every language's comments and however its lines are broken.
//   a dot stays between digits ("2.0"), a plus behind one ("2+"); "licence" is spelled "license"
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::text::licences {

class Words {
 public:
  explicit Words(std::string_view text);

  std::size_t size() const { return starts_.size(); }
  std::string_view operator[](std::size_t i) const;  // "" behind the end
  // From word i to the end of the text; "" behind the end.
  std::string_view from(std::size_t i) const;
  // True when the words from i on are those of phrase, which has single spaces.
  bool match(std::size_t i, std::string_view phrase) const;

 private:
  void end_word(bool line_start);

  std::string text_;                   // each word with a space behind it
  std::vector<std::uint32_t> starts_;  // of the words in text_
};

}  // namespace hearth::text::licences
