// SPDX-License-Identifier: Apache-2.0
// The roff language as manual pages use it: comments, continued lines, conditions, macros and strings of the page's
// own, number registers. What comes out is text lines and calls of the macros and requests that are not the language's
// own. Expansion is bounded: a page that defines itself endlessly ends early, it never hangs.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hearth::text::man {

struct Line {
  std::string macro;              // empty: a text line
  std::vector<std::string> args;  // of the macro; escapes not yet resolved
  std::string text;               // the text line, or what stands behind the macro's name
};

class Roff {
 public:
  explicit Roff(std::string_view source);
  bool next(Line& line);
  // The lines up to one that is the macro named end, as they stand (the rows of a table).
  bool next_verbatim(std::string_view end, std::string& line);

 private:
  struct Source {
    std::string_view text;  // of the page, or of body
    std::string body;
    std::vector<std::string> args;
    std::size_t at = 0;
  };
  using Words = std::vector<std::string>;

  bool raw_line(std::string& line);
  bool do_request(const std::string& name, std::string_view rest, Line& line);
  bool do_definition(const std::string& name, std::string_view rest);
  void define_macro(std::string_view rest, bool append);
  void define_string(std::string_view rest, bool append);
  void set_register(std::string_view rest);
  void condition(const std::string& name, std::string_view rest);
  bool is_true(std::string_view& rest);
  double expression(std::string_view& rest, int depth);
  double operand(std::string_view& rest, int depth);
  void skip_block(std::string_view rest);
  void push(std::string body, Words args);
  std::string interpolated(std::string_view text, int depth = 0);
  std::string value_of(std::string_view text, std::size_t& at, char kind, int depth);

  std::vector<Source> sources_;
  std::unordered_map<std::string, std::string> macros_, strings_;
  std::unordered_map<std::string, double> registers_;
  std::vector<bool> conditions_;  // of each .ie whose .el has not come
  std::uint64_t budget_;          // bytes that may still come out of macros and strings
};

// The words of a macro call: separated by spaces, or in double quotes.
std::vector<std::string> words_of_call(std::string_view rest);

}  // namespace hearth::text::man
