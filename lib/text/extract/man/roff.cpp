// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/man/roff.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/text.h"
#include "lib/text/extract/man/characters.h"

namespace hearth::text::man {
namespace {

constexpr std::size_t max_sources = 32;  // macros within macros
constexpr int max_depth = 8;             // strings within strings, parentheses within parentheses
constexpr std::size_t max_conditions = 1024;

bool is_control(std::string_view line) {
  return line.starts_with('.') || line.starts_with('\'');
}

bool is_comment(std::string_view line) {
  if (line.starts_with("\\\"") || line.starts_with("\\#")) return true;
  if (!is_control(line)) return false;
  const std::size_t at = line.find_first_not_of(" \t", 1);
  return at == std::string_view::npos || line.substr(at).starts_with("\\\"");
}

bool is_continued(std::string_view line) {
  std::size_t n = 0;
  while (n < line.size() && line[line.size() - 1 - n] == '\\') ++n;
  return n % 2 == 1;
}

std::string_view skip_spaces(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text;
}

std::string_view take_word(std::string_view& rest) {
  rest = skip_spaces(rest);
  const std::size_t end = std::min(rest.find_first_of(" \t"), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

// As a macro's body or a string is stored: \\ is read once.
std::string copied(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '\\') ++i;
  }
  return out;
}

// Without a comment at its end.
std::string_view without_comment(std::string_view text) {
  for (std::size_t at = text.find('\\'); at != std::string_view::npos && at + 1 < text.size();
       at = text.find('\\', at + 2)) {
    if (text[at + 1] == '"') return text.substr(0, at);
  }
  return text;
}

// How many blocks open in a line, less those that close.
int braces_in(std::string_view line) {
  int n = 0;
  for (std::size_t at = line.find('\\'); at != std::string_view::npos && at + 1 < line.size();
       at = line.find('\\', at + 2)) {
    n += line[at + 1] == '{' ? 1 : line[at + 1] == '}' ? -1 : 0;
  }
  return n;
}

}  // namespace

std::vector<std::string> words_of_call(std::string_view rest) {
  std::vector<std::string> words;
  for (rest = skip_spaces(rest); !rest.empty(); rest = skip_spaces(rest)) {
    std::string word;
    const bool quoted = rest.front() == '"';
    std::size_t at = quoted ? 1 : 0;
    for (; at < rest.size(); ++at) {
      const char c = rest[at];
      if (c == '\\' && at + 1 < rest.size()) {
        if (rest[at + 1] == '"' && !quoted) return word.empty() ? words : (words.push_back(word), words);
        word.append(rest, at++, 2);
      } else if (quoted && c == '"') {
        if (at + 1 >= rest.size() || rest[at + 1] != '"') break;
        word += '"';
        ++at;
      } else if (!quoted && (c == ' ' || c == '\t')) {
        break;
      } else {
        word += c;
      }
    }
    words.push_back(std::move(word));
    rest.remove_prefix(std::min(at + (quoted ? 1 : 0), rest.size()));
  }
  return words;
}

Roff::Roff(std::string_view source) : budget_(8 * std::uint64_t{source.size()} + (64u << 10)) {
  sources_.push_back({source, {}, {}, 0});
  strings_ = {{"R", "®"}, {"Tm", "™"}, {"lq", "“"}, {"rq", "”"}, {"S", ""}, {".T", "utf8"}, {"Aq", "'"}};
  registers_ = {{".g", 1}, {".H", 24}, {".V", 40}, {".l", 78}, {".x", 1}, {".y", 22}, {".i", 0}, {".u", 1}};
}

// The next line, continued ones joined. False at the end of everything.
bool Roff::raw_line(std::string& line) {
  while (!sources_.empty() && sources_.back().at >= sources_.back().text.size() + sources_.back().body.size()) {
    sources_.pop_back();
  }
  if (sources_.empty()) return false;
  Source& source = sources_.back();
  const std::string_view text = source.text.empty() ? std::string_view(source.body) : source.text;
  line.clear();
  while (source.at < text.size()) {
    const std::size_t end = std::min(text.find('\n', source.at), text.size());
    line.append(text, source.at, end - source.at);
    source.at = std::min(end + 1, text.size());
    if (is_comment(line) || !is_continued(line)) break;
    line.pop_back();
  }
  return true;
}

bool Roff::next(Line& line) {
  std::string raw;
  while (raw_line(raw)) {
    if (is_comment(raw)) continue;
    const std::string text = interpolated(raw);
    line = {};
    if (!is_control(text)) {
      line.text = text;
      return true;
    }
    std::string_view rest = skip_spaces(std::string_view(text).substr(1));
    const std::size_t end = std::min(rest.find_first_of(" \t\\"), rest.size());
    const std::string name(rest.substr(0, end));
    rest.remove_prefix(end);
    if (!do_request(name, rest, line)) continue;
    return true;
  }
  return false;
}

bool Roff::next_verbatim(std::string_view end, std::string& line) {
  std::string raw;
  while (raw_line(raw)) {
    if (is_comment(raw)) continue;
    line = interpolated(raw);
    return !is_control(line) || std::string_view(line).substr(1, end.size()) != end;
  }
  return false;
}

// False when it is done; true when line is the matter of the macros.
bool Roff::do_request(const std::string& name, std::string_view rest, Line& line) {
  if (name.empty()) return false;
  if (name == "if" || name == "ie" || name == "el" || name == "while") {
    condition(name, rest);
    return false;
  }
  if (const auto macro = macros_.find(name); macro != macros_.end()) {
    Words args = words_of_call(rest);
    push(macro->second, std::move(args));
    return false;
  }
  if (do_definition(name, rest)) return false;
  if (name == "nop") {
    line.text = std::string(skip_spaces(rest));
    return true;
  }
  line.macro = name;
  line.text = std::string(skip_spaces(rest));
  line.args = words_of_call(rest);
  return true;
}

bool Roff::do_definition(const std::string& name, std::string_view rest) {
  if (name == "de" || name == "de1" || name == "am" || name == "am1" || name == "ig") {
    define_macro(name == "ig" ? std::string_view(" \n") : rest, name.starts_with("am"));
  } else if (name == "ds" || name == "ds1" || name == "as" || name == "as1") {
    define_string(rest, name.starts_with("as"));
  } else if (name == "nr") {
    set_register(rest);
  } else if (name == "rm" || name == "rr") {
    for (const std::string& word : words_of_call(rest)) macros_.erase(word), strings_.erase(word);
  } else if (name == "als" || name == "rn") {
    const Words words = words_of_call(rest);
    const bool rename = name == "rn";
    if (words.size() < 2) return true;
    const std::string& from = words[rename ? 0 : 1];
    const std::string& to = words[rename ? 1 : 0];
    if (const auto macro = macros_.find(from); macro != macros_.end()) macros_[to] = std::string(macro->second);
  } else if (name == "return") {
    if (sources_.size() > 1) sources_.pop_back();
  } else {
    return false;
  }
  return true;
}

void Roff::push(std::string body, Words args) {
  if (body.empty() || sources_.size() >= max_sources || body.size() > budget_) return;
  budget_ -= body.size();
  sources_.push_back({{}, std::move(body), std::move(args), 0});
}

// .de NAME [END] ... ".." or ".END". A name of white space alone keeps nothing (.ig).
void Roff::define_macro(std::string_view rest, bool append) {
  const bool ignored = rest == " \n";
  const std::string name(ignored ? std::string_view() : take_word(rest));
  std::string end(ignored ? std::string_view() : take_word(rest));
  if (end.empty()) end = ".";
  std::string body, raw;
  while (raw_line(raw)) {
    const std::string_view line = raw;
    if (is_control(line) && trim(line.substr(1)).starts_with(end)) break;
    body.append(copied(line)).append("\n");
  }
  // What a page defines of man's own macros is for printers; the own meaning reads better.
  static constexpr std::string_view own = " TH SH SS PP LP TP IP B I BR RB IR RI BI IB UR UE MT ME EX EE ";
  if (name.empty() || own.find(" " + name + " ") != std::string_view::npos) return;
  std::string& macro = macros_[name];
  if (!append) macro.clear();
  if (macro.size() + body.size() <= budget_) macro += body;
}

void Roff::define_string(std::string_view rest, bool append) {
  const std::string name(take_word(rest));
  std::string_view value = without_comment(skip_spaces(rest));
  if (value.starts_with('"')) value.remove_prefix(1);
  if (name.empty()) return;
  std::string& string = strings_[name];
  if (!append) string.clear();
  if (string.size() + value.size() <= budget_) string += copied(value);
}

void Roff::set_register(std::string_view rest) {
  const std::string name(take_word(rest));
  rest = skip_spaces(rest);
  const bool relative = rest.starts_with('+') || rest.starts_with('-');
  const double value = expression(rest, 0);
  double& number = registers_[name];
  number = relative ? number + value : value;
}

void Roff::condition(const std::string& name, std::string_view rest) {
  bool holds = false;
  if (name == "el") {
    holds = !conditions_.empty() && !conditions_.back();
    if (!conditions_.empty()) conditions_.pop_back();
  } else if (name != "while") {  // loops make no text in manual pages
    holds = is_true(rest);
    if (name == "ie" && conditions_.size() < max_conditions) conditions_.push_back(holds);
  } else {
    is_true(rest);
  }
  rest = skip_spaces(rest);
  if (!holds) return skip_block(rest);
  if (rest.starts_with("\\{")) rest.remove_prefix(2);
  if (trim(rest).empty()) return;
  const Words args = sources_.empty() ? Words() : sources_.back().args;
  push(std::string(rest) + "\n", args);
}

void Roff::skip_block(std::string_view rest) {
  int n_open = braces_in(rest);
  std::string raw;
  while (n_open > 0 && raw_line(raw)) n_open += braces_in(raw);
}

// Takes the condition off rest.
bool Roff::is_true(std::string_view& rest) {
  rest = skip_spaces(rest);
  bool negated = false;
  while (rest.starts_with('!')) {
    negated = !negated;
    rest = skip_spaces(rest.substr(1));
  }
  if (rest.empty()) return false;
  const char c = rest.front();
  bool holds = false;
  if (std::string_view("noetv").find(c) != std::string_view::npos &&
      (rest.size() == 1 || rest[1] == ' ' || rest[1] == '\t' || rest[1] == '\\' || rest[1] == '.')) {
    holds = c == 'n' || c == 'o';
    rest.remove_prefix(1);
  } else if (c == 'd' || c == 'r' || c == 'c' || c == 'm' || c == 'F' || c == 'S') {
    rest.remove_prefix(1);
    const std::string name(take_word(rest));
    holds = c == 'd'   ? macros_.contains(name) || strings_.contains(name)
            : c == 'r' ? registers_.contains(name)
                       : c == 'c';
  } else if (std::string_view("0123456789(+-\\.").find(c) != std::string_view::npos) {
    holds = expression(rest, 0) > 0;
  } else {  // 'this'that'
    const std::string_view quote = rest.substr(0, behind_characters(rest, 0, 1));
    rest.remove_prefix(quote.size());
    const std::size_t middle = std::min(rest.find(quote), rest.size());
    const std::size_t second = std::min(middle + quote.size(), rest.size());
    const std::size_t end = std::min(rest.find(quote, second), rest.size());
    holds = rest.substr(0, middle) == rest.substr(second, end - std::min(second, end));
    rest.remove_prefix(std::min(end + quote.size(), rest.size()));
  }
  return holds != negated;
}

double Roff::operand(std::string_view& rest, int depth) {
  if (rest.empty()) return 0;
  if (rest.front() == '-' || rest.front() == '+') {
    const double sign = rest.front() == '-' ? -1 : 1;
    rest.remove_prefix(1);
    return depth < max_depth ? sign * operand(rest, depth + 1) : 0;
  }
  if (rest.front() == '(') {
    rest.remove_prefix(1);
    const double value = depth < max_depth ? expression(rest, depth + 1) : 0;
    if (rest.starts_with(')')) rest.remove_prefix(1);
    return value;
  }
  std::size_t end = 0;
  double value = 0, scale = 0;
  for (; end < rest.size() && (rest[end] == '.' || (rest[end] >= '0' && rest[end] <= '9')); ++end) {
    if (rest[end] == '.') {
      scale = 1;
    } else {
      value = value * 10 + (rest[end] - '0');
      scale *= 10;
    }
  }
  if (end < rest.size() && std::string_view("cimnpPsuvM").find(rest[end]) != std::string_view::npos) ++end;
  rest.remove_prefix(end);
  return scale > 1 ? value / scale : value;
}

// From left to right, without precedence, as roff reads it.
double Roff::expression(std::string_view& rest, int depth) {
  double value = operand(rest, depth);
  while (!rest.empty() && std::string_view("+-*/%<>=&:").find(rest.front()) != std::string_view::npos) {
    const char op = rest.front();
    rest.remove_prefix(1);
    const bool or_equal = (op == '<' || op == '>' || op == '=') && rest.starts_with('=');
    if (or_equal) rest.remove_prefix(1);
    const double right = operand(rest, depth);
    switch (op) {
      case '+':
        value += right;
        break;
      case '-':
        value -= right;
        break;
      case '*':
        value *= right;
        break;
      case '/':
        value = right == 0 ? 0 : std::trunc(value / right);
        break;
      case '%':
        value = right == 0 ? 0 : std::fmod(value, right);
        break;
      case '<':
        value = or_equal ? value <= right : value < right;
        break;
      case '>':
        value = or_equal ? value >= right : value > right;
        break;
      case '=':
        value = value == right;
        break;
      case '&':
        value = value > 0 && right > 0;
        break;
      default:
        value = value > 0 || right > 0;
        break;
    }
  }
  return value;
}

// Strings, registers and a macro's arguments put in; all other escapes stay.
std::string Roff::interpolated(std::string_view text, int depth) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t escape = std::min(text.find('\\', at), text.size());
    out.append(text, at, escape - at);
    at = escape;
    if (at + 1 >= text.size()) {
      out.append(text, at);
      break;
    }
    const char kind = text[at + 1];
    if (kind == '"') break;
    at += 2;
    if (kind == '*' || kind == 'n' || kind == '$') {
      out += value_of(text, at, kind, depth);
    } else {
      out.append(text, at - 2, 2);
    }
  }
  return out;
}

// at stands behind "\*", "\n" or "\$".
std::string Roff::value_of(std::string_view text, std::size_t& at, char kind, int depth) {
  if (kind == 'n' && at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
  std::string name(selected_name(text, at));
  if (kind == 'n') {
    if (name == ".$") return std::to_string(sources_.empty() ? 0 : sources_.back().args.size());
    const auto found = registers_.find(name);
    const double value = found == registers_.end() ? 0 : found->second;
    return std::to_string(std::fabs(value) < 1e15 ? static_cast<long long>(value) : 0);
  }
  std::string value;
  if (kind == '$') {
    const Words none;
    const Words& args = sources_.empty() ? none : sources_.back().args;
    if (name == "*" || name == "@") {
      value = name == "*" ? join(args, " ") : "\"" + join(args, "\" \"") + "\"";
    } else if (name.size() == 1 && name[0] >= '1' && name[0] <= '9') {
      const auto i = static_cast<std::size_t>(name[0] - '1');
      value = i < args.size() ? args[i] : "";
    }
  } else {
    if (const std::size_t space = name.find(' '); space != std::string::npos) name.resize(space);
    const auto found = strings_.find(name);
    if (found == strings_.end()) return name.size() == 1 ? "" : character(name);  // \*:u accents are strings elsewhere
    value = depth < max_depth ? interpolated(found->second, depth + 1) : "";
  }
  if (value.size() > budget_) return {};
  budget_ -= value.size();
  return value;
}

}  // namespace hearth::text::man
