// SPDX-License-Identifier: Apache-2.0
// The macros of mdoc(7). A line is a macro and its arguments, among which further macros may stand (".Op Fl a Ar
// file"): an inline macro ends where the next begins, an enclosure at the end of the line, before closing punctuation.
#include <algorithm>
#include <optional>
#include <utility>

#include "lib/base/text.h"
#include "lib/text/extract/man/characters.h"
#include "lib/text/extract/man/page.h"

namespace hearth::text::man {
namespace {

constexpr int max_enclosures = 16;

struct Enclosure {
  std::string_view partial, opens, closes;  // Op, Oo, Oc
  std::string_view left, right;
};
constexpr Enclosure enclosures[] = {
    {"Op", "Oo", "Oc", "[", "]"},   {"Dq", "Do", "Dc", "“", "”"},    {"Sq", "So", "Sc", "‘", "’"},
    {"Qq", "Qo", "Qc", "\"", "\""}, {"Bq", "Bo", "Bc", "[", "]"},    {"Pq", "Po", "Pc", "(", ")"},
    {"Aq", "Ao", "Ac", "<", ">"},   {"Brq", "Bro", "Brc", "{", "}"}, {"Ql", "", "", "‘", "’"},
    {"En", "Eo", "Ec", "", ""},     {"", "Xo", "Xc", "", ""},
};

// Macros that print their arguments as they are; with the text that stands for none.
struct Plain {
  std::string_view name, none;
};
constexpr Plain plain_macros[] = {
    {"Ar", "file ..."}, {"Cm", ""},          {"Ic", ""},        {"Em", ""},
    {"Sy", ""},         {"Li", ""},          {"Pa", "~"},       {"Va", ""},
    {"Vt", ""},         {"Ev", ""},          {"Er", ""},        {"Dv", ""},
    {"Tn", ""},         {"Ms", ""},          {"Ad", ""},        {"Cd", ""},
    {"Fa", ""},         {"Ft", ""},          {"An", ""},        {"No", ""},
    {"Lb", ""},         {"St", ""},          {"Mt", "~"},       {"Fr", ""},
    {"Hf", ""},         {"Ot", ""},          {"Bx", "BSD"},     {"Ux", "UNIX"},
    {"Nx", "NetBSD"},   {"Fx", "FreeBSD"},   {"Ox", "OpenBSD"}, {"Dx", "DragonFly"},
    {"Bsx", "BSD/OS"},  {"At", "AT&T UNIX"}, {"Fd", ""},        {"Bt", "is currently in beta test."},
    {"Ud", ""},         {"%A", ""},          {"%B", ""},        {"%C", ""},
    {"%D", ""},         {"%I", ""},          {"%J", ""},        {"%N", ""},
    {"%O", ""},         {"%P", ""},          {"%Q", ""},        {"%R", ""},
    {"%T", ""},         {"%U", ""},          {"%V", ""},
};

constexpr std::string_view others[] = {"Fl", "Nm", "Xr", "Fn", "In", "Lk", "Ns", "Pf", "Ap", "Ta", "Fo", "Fc", "Sm"};

const Plain* plain_macro(std::string_view name) {
  const auto* found = std::ranges::find(plain_macros, name, &Plain::name);
  return found == std::end(plain_macros) ? nullptr : found;
}

bool is_inline_macro(std::string_view name) {
  if (name.size() < 2 || name.size() > 3) return false;
  return plain_macro(name) != nullptr || std::ranges::find(others, name) != std::end(others) ||
         std::ranges::any_of(enclosures, [&](const Enclosure& each) {
           return each.partial == name || each.opens == name || each.closes == name;
         });
}

bool closes_sentence(std::string_view word) {
  return word.size() == 1 && std::string_view(".,:;)]?!").find(word[0]) != std::string_view::npos;
}
bool is_opening(std::string_view word) {
  return word.size() == 1 && (word[0] == '(' || word[0] == '[');
}

// Where the arguments of the macro in front of begin end: the next macro, or the end.
std::size_t end_of_arguments(const std::vector<std::string>& words, std::size_t begin) {
  while (begin < words.size() && !is_inline_macro(words[begin])) ++begin;
  return begin;
}

class MdocReader {
 public:
  MdocReader(Roff& roff, Page& page) : roff_(roff), page_(page) {}
  void take(const Line& line);

 private:
  struct List {
    std::string type;
    int n_items = 0;
    std::vector<std::string> cells;  // of a column list's open row
  };

  bool head(const Line& line);
  bool display(const Line& line);
  bool list(const Line& line);
  void open_list(const Line& line);
  void close_list();
  void open_item(const Line& line);
  bool sentence(const Line& line);
  void request(const Line& line);

  // One line as text: words are added to line_.
  std::string inline_text(const std::vector<std::string>& words);
  void inline_macro(const std::vector<std::string>& words, std::size_t& at);
  void arguments(const std::vector<std::string>& words, std::size_t& at, std::string_view none,
                 std::string_view before = {});
  bool enclosure(const std::vector<std::string>& words, std::size_t& at);
  void reference(const std::vector<std::string>& words, std::size_t& at);
  void word(std::string_view text);
  void emit(const std::vector<std::string>& words);

  Roff& roff_;
  Page& page_;
  std::string name_;         // of the page's subject
  std::string line_;         // being put together
  bool joins_ = false;       // the next word stands without a space
  bool spaced_ = true;       // .Sm
  bool joins_line_ = false;  // an enclosure opened at the end of the line before
  std::string title_;
  std::vector<List> lists_;
  std::vector<bool> literal_;  // of each open display
  int n_function_args_ = -1;   // within Fo; -1: not
  int n_open_ = 0;             // enclosures within enclosures of one line
};

void MdocReader::word(std::string_view text) {
  const bool closes = closes_sentence(text);
  if (!line_.empty() && !joins_ && !closes && spaced_) line_ += ' ';
  line_ += text;
  joins_ = is_opening(text);
}

// The words up to the next macro, each with before in front; none: what stands for no word at all. Punctuation is not
// an argument.
void MdocReader::arguments(const std::vector<std::string>& words, std::size_t& at, std::string_view none,
                           std::string_view before) {
  const std::size_t end = end_of_arguments(words, at);
  bool any = false;
  for (; at < end; ++at) {
    const std::string text = printed(words[at]);
    const bool punctuation = closes_sentence(text) || is_opening(text);
    if (punctuation && closes_sentence(text) && !any && !(none.empty() && before.empty())) {
      word(std::string(before.empty() ? none : before));
      any = true;
    }
    any = any || !punctuation;
    if (text.empty()) continue;
    word(punctuation || text == "|" ? text : std::string(before) + text);
  }
  if (any) return;
  if (!none.empty() || !before.empty()) word(before.empty() ? none : before);
  if (!before.empty()) joins_ = true;  // "Fl Ns Ar x" and "Fl Fl long"
}

bool MdocReader::enclosure(const std::vector<std::string>& words, std::size_t& at) {
  const std::string& name = words[at];
  for (const Enclosure& each : enclosures) {
    if (name == each.opens) {
      word(each.left);
      joins_ = true;
      ++at;
      return true;
    }
    if (name == each.closes) {
      line_ += each.right;
      joins_ = false;
      ++at;
      if (line_.size() == each.right.size()) joins_line_ = true;
      return true;
    }
    if (name != each.partial) continue;
    if (n_open_ >= max_enclosures) {
      word(words[at++]);
      return true;
    }
    ++n_open_;
    std::size_t end = words.size();
    while (end > at + 1 && closes_sentence(words[end - 1])) --end;
    const std::vector<std::string> inside(words.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                          words.begin() + static_cast<std::ptrdiff_t>(end));
    word(each.left);
    joins_ = true;
    for (std::size_t i = 0; i < inside.size();) {
      if (is_inline_macro(inside[i])) {
        inline_macro(inside, i);
      } else {
        word(printed(inside[i++]));
      }
    }
    --n_open_;
    line_ += each.right;
    joins_ = false;
    for (at = end; at < words.size(); ++at) word(words[at]);
    return true;
  }
  return false;
}

// Xr, Fn, In, Lk, Nm, Fo: macros with a form of their own.
void MdocReader::reference(const std::vector<std::string>& words, std::size_t& at) {
  const std::string name = words[at++];
  const auto argument = [&]() -> std::optional<std::string> {
    if (at >= words.size() || is_inline_macro(words[at]) || closes_sentence(words[at])) return std::nullopt;
    return printed(words[at++]);
  };
  const auto first = argument();
  if (name == "Nm") {
    if (first && name_.empty()) name_ = *first;
    word(first ? *first : name_);
    arguments(words, at, "");
  } else if (name == "Xr") {
    const auto section = argument();
    if (first) word(section ? *first + "(" + *section + ")" : *first);
  } else if (name == "Fn") {
    std::string call = first.value_or("") + "(";
    bool more = false;
    while (const auto each = argument()) call.append(std::exchange(more, true) ? ", " : "").append(*each);
    word(call + ")");
  } else if (name == "In") {
    if (first) word("<" + *first + ">");
  } else if (name == "Lk") {
    const auto text = argument();
    if (first) word(text ? *text + ": " + *first : *first);
  } else if (name == "Pf") {
    if (first) word(*first);
    joins_ = true;
  } else if (name == "Fo") {
    word(first.value_or("") + "(");
    joins_ = true;
    n_function_args_ = 0;
  }
}

void MdocReader::inline_macro(const std::vector<std::string>& words, std::size_t& at) {
  const std::string& name = words[at];
  if (enclosure(words, at)) return;
  if (const Plain* plain = plain_macro(name); plain != nullptr) {
    ++at;
    if (name == "Fa" && n_function_args_ >= 0 && n_function_args_++ > 0) line_ += ",";
    if (name.ends_with('x') && !plain->none.empty()) {  // a system, with its version
      word(plain->none);
      return arguments(words, at, "");
    }
    return arguments(words, at, plain->none);
  }
  if (name == "Fl") {
    ++at;
    arguments(words, at, "", "-");
  } else if (name == "Ns") {
    joins_ = true;
    ++at;
  } else if (name == "Ap") {
    line_ += "'";
    joins_ = true;
    ++at;
  } else if (name == "Fc") {
    line_ += ")";
    n_function_args_ = -1;
    ++at;
  } else if (name == "Sm") {
    ++at;
    if (at < words.size() && (words[at] == "on" || words[at] == "off")) spaced_ = words[at++] == "on";
  } else if (name == "Ta") {
    ++at;
    if (!lists_.empty()) lists_.back().cells.push_back(std::exchange(line_, {}));
  } else {
    reference(words, at);
  }
}

std::string MdocReader::inline_text(const std::vector<std::string>& words) {
  line_.clear();
  joins_ = false;
  for (std::size_t at = 0; at < words.size();) {
    if (is_inline_macro(words[at])) {
      inline_macro(words, at);
    } else {
      word(printed(words[at++]));
    }
  }
  return std::exchange(line_, {});
}

void MdocReader::emit(const std::vector<std::string>& words) {
  const bool first_joins = !words.empty() && (words[0] == "Ns" || words[0] == "Ap");
  const bool was_function = n_function_args_ > 0 && !words.empty() && words[0] == "Fa";
  std::string text = inline_text(words);
  if (first_joins || was_function || std::exchange(joins_line_, false) || (!text.empty() && text[0] == ')'))
    page_.no_space();
  if (!text.empty()) page_.words(text, joins_);
}

bool MdocReader::head(const Line& line) {
  const std::string& name = line.macro;
  if (name == "Dt") {
    title_ = line.args.empty() ? "" : printed(line.args[0]);
    page_.heading(1, line.args.size() > 1 ? title_ + "(" + printed(line.args[1]) + ")" : title_);
  } else if (name == "Sh" || name == "Ss") {
    lists_.clear();
    literal_.clear();
    page_.heading(name == "Sh" ? 2 : 3, inline_text(line.args));
  } else if (name == "Nd") {
    page_.words("– " + inline_text(line.args));
  } else if (name == "Pp" || name == "Lp") {
    page_.end_paragraph();
  } else if (name == "Dd" || name == "Os" || name == "Bk" || name == "Ek") {
    return true;
  } else {
    return false;
  }
  return true;
}

bool MdocReader::display(const Line& line) {
  const std::string& name = line.macro;
  if (name == "Bd") {
    const bool literal =
        std::ranges::any_of(line.args, [](const std::string& arg) { return arg == "-literal" || arg == "-unfilled"; });
    literal_.push_back(literal);
    page_.end_paragraph();
    if (literal) page_.literal(true);
  } else if (name == "Ed") {
    page_.end_paragraph();
    if (!literal_.empty() && literal_.back()) page_.literal(false);
    if (!literal_.empty()) literal_.pop_back();
  } else if (name == "D1" || name == "Dl") {
    page_.end_paragraph();
    const bool was_literal = page_.is_literal();
    page_.literal(name == "Dl" || was_literal);
    emit(line.args);
    page_.end_paragraph();
    page_.literal(was_literal);
  } else if (name == "TS") {
    read_table(roff_, page_);
  } else {
    return false;
  }
  return true;
}

void MdocReader::open_list(const Line& line) {
  if (lists_.size() >= 32) return;
  List list;
  for (const std::string& arg : line.args) {
    if (list.type.empty() && arg.starts_with('-') && arg != "-compact" && arg != "-offset" && arg != "-width")
      list.type = arg.substr(1);
  }
  page_.end_paragraph();
  page_.open_indent();
  lists_.push_back(std::move(list));
}

void MdocReader::close_list() {
  if (lists_.empty()) return;
  List& list = lists_.back();
  if (!list.cells.empty()) page_.row(list.cells);
  if (list.type == "column") page_.end_table();
  lists_.pop_back();
  page_.end_paragraph();
  page_.close_indent();
}

void MdocReader::open_item(const Line& line) {
  if (lists_.empty()) return;
  List& list = lists_.back();
  if (list.type == "column") {
    if (!list.cells.empty()) page_.row(list.cells);
    list.cells.clear();
    const std::string last = inline_text(words_of_call(line.text));
    list.cells.push_back(last);
  } else if (list.type == "enum") {
    page_.item(std::to_string(++list.n_items) + ". ", "");
  } else if (list.type == "bullet" || list.type == "dash" || list.type == "hyphen" || list.type == "item") {
    page_.item("- ", "");
  } else {
    page_.item("- ", inline_text(line.args));
  }
}

bool MdocReader::list(const Line& line) {
  const std::string& name = line.macro;
  if (name == "Bl") {
    open_list(line);
  } else if (name == "El") {
    close_list();
  } else if (name == "It") {
    open_item(line);
  } else if (!lists_.empty() && lists_.back().type == "column" && !lists_.back().cells.empty()) {
    std::vector<std::string>& cells = lists_.back().cells;  // goes on with the open row's last cell
    std::vector<std::string> words = line.args;
    if (line.macro.empty()) {
      words = {line.text};
    } else {
      words.insert(words.begin(), line.macro);
    }
    const std::size_t before = cells.size();
    const std::string last = inline_text(words);
    if (cells.size() == before) {
      if (!last.empty()) cells.back().append(cells.back().empty() ? "" : " ").append(last);
    } else {
      cells.push_back(last);
    }
  } else {
    return false;
  }
  return true;
}

// Macros that say a sentence of their own.
bool MdocReader::sentence(const Line& line) {
  const std::string& name = line.macro;
  if (name != "Ex" && name != "Rv") return false;
  std::string subject = name_;
  if (line.args.size() > 1) subject = printed(line.args[1]);
  if (name == "Ex") {
    page_.words("The " + subject + " utility exits 0 on success, and >0 if an error occurs.");
  } else {
    page_.words("The " + subject + "() function returns the value 0 if successful; otherwise the value -1 is " +
                "returned and the global variable errno is set to indicate the error.");
  }
  return true;
}

void MdocReader::request(const Line& line) {
  const std::string& name = line.macro;
  if (name == "br") page_.break_line();
  if (name == "sp") page_.end_paragraph();
  if (name == "Rs" || name == "Re") page_.end_paragraph();
  if (name == "nf" || name == "fi") page_.literal(name == "nf");
}

void MdocReader::take(const Line& line) {
  if (!line.macro.empty() && (head(line) || display(line))) return;
  if (list(line)) return;
  if (line.macro.empty()) {
    bool joined = false;
    const std::string words = printed(line.text, &joined);
    if (std::exchange(joins_line_, false)) page_.no_space();
    if (trim(words).empty() && !page_.is_literal()) return page_.end_paragraph();
    return page_.words(words, joined);
  }
  if (sentence(line)) return;
  if (!is_inline_macro(line.macro)) return request(line);
  std::vector<std::string> words = line.args;
  words.insert(words.begin(), line.macro);
  if (line.macro == "An" && line.args.size() == 1 && (line.args[0] == "-split" || line.args[0] == "-nosplit")) return;
  if (line.macro == "In" && !line.args.empty()) words = {"#include", "<" + line.args[0] + ">"};
  if (line.macro == "Ft" || line.macro == "Fd" || line.macro == "In") page_.break_line();
  emit(words);
}

}  // namespace

void read_mdoc(Roff& roff, Line& line, Page& page) {
  MdocReader reader(roff, page);
  do {
    reader.take(line);
  } while (roff.next(line));
}

}  // namespace hearth::text::man
