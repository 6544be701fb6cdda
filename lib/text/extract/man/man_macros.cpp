// SPDX-License-Identifier: Apache-2.0
// The macros of man(7), with the extensions of groff_man(7), and the requests of roff that change the text.
#include <algorithm>
#include <array>

#include "lib/base/text.h"
#include "lib/text/extract/man/characters.h"
#include "lib/text/extract/man/page.h"

namespace hearth::text::man {
namespace {

template <std::size_t n>
bool is_one_of(std::string_view name, const std::array<std::string_view, n>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::array<std::string_view, 6> alternating = {"BI", "BR", "IB", "IR", "RB", "RI"};
constexpr std::array<std::string_view, 5> fonts = {"B", "I", "R", "SM", "SB"};

class ManReader {
 public:
  ManReader(Roff& roff, Page& page) : roff_(roff), page_(page) {}
  void take(const Line& line);

 private:
  void text(std::string_view source);
  void macro(const Line& line);
  bool structure(const Line& line);
  bool inline_macro(const Line& line);
  void request(const Line& line);
  void item(const Line& line);
  void skip_to(std::string_view end);
  std::string joined(const Line& line, std::string_view separator) const {
    return printed(join(line.args, std::string(separator)));
  }

  Roff& roff_;
  Page& page_;
  std::string link_;       // of UR or MT
  int wants_heading_ = 0;  // SH or SS without text: the next line is it
};

void ManReader::text(std::string_view source) {
  bool joined = false;
  std::string words = printed(source, &joined);
  if (wants_heading_ > 0 && !trim(words).empty()) {
    page_.heading(wants_heading_, words);
    wants_heading_ = 0;
    return;
  }
  if (trim(words).empty() && !joined) {
    if (page_.is_literal()) return page_.words("");
    if (trim(source).empty()) page_.end_paragraph();
    return;
  }
  page_.words(words, joined);
}

void ManReader::take(const Line& line) {
  if (line.macro.empty()) return text(line.text);
  macro(line);
}

void ManReader::macro(const Line& line) {
  if (!structure(line) && !inline_macro(line)) request(line);
}

bool ManReader::structure(const Line& line) {
  const std::string& name = line.macro;
  if (name == "TH") {
    const std::string title = line.args.empty() ? "" : printed(line.args[0]);
    page_.heading(1, line.args.size() > 1 ? title + "(" + printed(line.args[1]) + ")" : title);
  } else if (name == "SH" || name == "SS") {
    const int level = name == "SH" ? 2 : 3;
    if (line.args.empty()) {
      wants_heading_ = level;
    } else {
      page_.heading(level, joined(line, " "));
    }
  } else if (name == "PP" || name == "P" || name == "LP" || name == "HP") {
    page_.plain_paragraph();
  } else if (name == "TP" || name == "TQ") {
    page_.expect_term(name == "TQ");
  } else if (name == "IP") {
    item(line);
  } else if (name == "RS") {
    page_.open_indent();
  } else if (name == "RE") {
    page_.close_indent();
  } else if (name == "nf" || name == "EX") {
    page_.literal(true);
  } else if (name == "fi" || name == "EE") {
    page_.literal(false);
  } else if (name == "TS") {
    read_table(roff_, page_);
  } else if (name == "EQ") {
    skip_to("EN");
  } else if (name == "PS") {
    skip_to("PE");
  } else {
    return false;
  }
  return true;
}

void ManReader::item(const Line& line) {
  const std::string tag = line.args.empty() ? "" : std::string(trim(printed(line.args[0])));
  if (page_.is_literal()) {
    if (!tag.empty()) page_.words(tag);
    return;
  }
  if (tag.empty()) {
    page_.end_paragraph();
  } else {
    page_.item("- ", tag);
  }
}

bool ManReader::inline_macro(const Line& line) {
  const std::string& name = line.macro;
  if (is_one_of(name, fonts)) {
    if (!line.args.empty()) text(join(line.args, " "));
  } else if (is_one_of(name, alternating)) {
    if (!line.args.empty()) text(join(line.args, ""));
  } else if (name == "SY") {
    page_.end_paragraph();
    text(join(line.args, " "));
  } else if (name == "YS") {
    page_.end_paragraph();
  } else if (name == "OP") {
    text("[" + join(line.args, " ") + "]");
  } else if (name == "UR" || name == "MT") {
    link_ = line.args.empty() ? "" : printed(line.args[0]);
  } else if (name == "UE" || name == "ME") {
    if (!link_.empty()) text("<" + link_ + ">" + (line.args.empty() ? "" : line.args[0]));
    link_.clear();
  } else if (name == "MR") {  // MR page section [trailing]
    if (line.args.size() > 1)
      text(line.args[0] + "(" + line.args[1] + ")" + (line.args.size() > 2 ? line.args[2] : ""));
  } else {
    return false;
  }
  return true;
}

void ManReader::request(const Line& line) {
  const std::string& name = line.macro;  // all others are about paper
  if (name == "br" || name == "ti" || name == "in") page_.break_line();
  if (name == "sp" || name == "bp") page_.end_paragraph();
}

void ManReader::skip_to(std::string_view end) {
  std::string line;
  while (roff_.next_verbatim(end, line)) continue;
}

}  // namespace

void read_man(Roff& roff, Line& line, Page& page) {
  ManReader reader(roff, page);
  do {
    reader.take(line);
  } while (roff.next(line));
}

}  // namespace hearth::text::man
