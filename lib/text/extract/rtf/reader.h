// SPDX-License-Identifier: Apache-2.0
// Reads RTF from left to right with a stack of groups, each of which begins with what holds in the one around.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/text/extract/extracted.h"
#include "lib/text/extract/text_blocks.h"

namespace hearth::text::rtf {

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  void read(Extracted& extracted);

 private:
  enum class Destination : std::uint8_t { text, skipped, fonts, styles, title, author, note, marker };
  struct Group {
    Destination destination = Destination::text;
    int code_page = 1252;
    int unicode_skip = 1;  // characters that follow \u and say it once more
    bool hidden = false;
  };
  struct Paragraph {
    int outline = 0;  // 1 to 6; 0: none
    int style = -1, list_level = -1;
    bool in_table = false;
  };
  struct Word {
    std::string_view name;
    int number = 0;
    bool has_number = false;
  };

  Word next_word();
  void control();
  void apply(const Word& word);
  bool character_word(const Word& word);
  bool destination_word(std::string_view name);
  bool paragraph_word(const Word& word);
  bool table_word(std::string_view name);
  void font_word(const Word& word);
  void open_group();
  void close_group();
  void byte(unsigned char value);
  void unicode(int number);
  void add(std::string_view text);
  void flush_bytes();
  void end_style_name();
  void end_paragraph();
  void end_cell();
  void end_row();
  std::string& sink();

  std::string_view bytes_;
  std::size_t at_ = 0;
  std::vector<Group> groups_;
  Group group_;
  std::size_t n_too_deep_ = 0;
  bool starred_ = false;  // "\*": what follows is a destination that may be skipped
  int skip_characters_ = 0;
  int default_code_page_ = 1252;
  std::string pending_;  // bytes of group_.code_page
  char32_t high_surrogate_ = 0;

  std::unordered_map<int, int> font_code_pages_, style_outlines_;
  int font_ = 0, style_ = -1, style_outline_ = 0;
  std::string style_name_, title_, author_, note_, marker_, text_;
  std::vector<std::string> notes_, cells_;
  Paragraph paragraph_;
  TextBlocks blocks_;
};

}  // namespace hearth::text::rtf
