// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/man/characters.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "lib/text/encoding.h"

namespace hearth::text::man {
namespace {

struct Named {
  std::string_view name, text;
  constexpr bool operator<(const Named& other) const { return name < other.name; }
};

template <std::size_t n>
constexpr std::array<Named, n> sorted(std::array<Named, n> table) {
  std::sort(table.begin(), table.end());
  return table;
}

constexpr auto table = sorted(std::to_array<Named>({
    {"aq", "'"},        {"dq", "\""},  {"lq", "“"},       {"rq", "”"},   {"oq", "‘"},  {"cq", "’"},  {"bq", "‚"},
    {"Bq", "„"},        {"Fo", "«"},   {"Fc", "»"},       {"fo", "‹"},   {"fc", "›"},  {"ha", "^"},  {"ti", "~"},
    {"rs", "\\"},       {"ul", "_"},   {"ru", "_"},       {"sl", "/"},   {"at", "@"},  {"sh", "#"},  {"Do", "$"},
    {"ct", "¢"},        {"Eu", "€"},   {"eu", "€"},       {"Ye", "¥"},   {"Po", "£"},  {"Cs", "¤"},  {"Fn", "ƒ"},
    {"em", "—"},        {"en", "–"},   {"hy", "-"},       {"mi", "−"},   {"bu", "•"},  {"ba", "|"},  {"bv", "|"},
    {"bb", "¦"},        {"or", "|"},   {"br", "│"},       {"rn", "‾"},   {"ci", "○"},  {"sq", "□"},  {"ps", "¶"},
    {"sc", "§"},        {"dg", "†"},   {"dd", "‡"},       {"lh", "☜"},   {"rh", "☞"},  {"CR", "↵"},  {"co", "©"},
    {"rg", "®"},        {"tm", "™"},   {"de", "°"},       {"if", "∞"},   {"pl", "+"},  {"eq", "="},  {"mu", "×"},
    {"tmu", "×"},       {"di", "÷"},   {"tdi", "÷"},      {"+-", "±"},   {"t+-", "±"}, {"-+", "∓"},  {"<=", "≤"},
    {">=", "≥"},        {"!=", "≠"},   {"==", "≡"},       {"ne", "≢"},   {"ap", "∼"},  {"|=", "≃"},  {"=~", "≅"},
    {"~~", "≈"},        {"~=", "≈"},   {"pt", "∝"},       {"es", "∅"},   {"mo", "∈"},  {"nm", "∉"},  {"sb", "⊂"},
    {"sp", "⊃"},        {"ib", "⊆"},   {"ip", "⊇"},       {"ca", "∩"},   {"cu", "∪"},  {"no", "¬"},  {"tno", "¬"},
    {"AN", "∧"},        {"OR", "∨"},   {"fa", "∀"},       {"te", "∃"},   {"st", "∋"},  {"3d", "∴"},  {"tf", "∴"},
    {"md", "⋅"},        {"pc", "·"},   {"c*", "⊗"},       {"c+", "⊕"},   {"/_", "∠"},  {"pp", "⊥"},  {"pd", "∂"},
    {"gr", "∇"},        {"sr", "√"},   {"is", "∫"},       {"sum", "∑"},  {"Ah", "ℵ"},  {"Im", "ℑ"},  {"Re", "ℜ"},
    {"wp", "℘"},        {"-h", "ℏ"},   {"fm", "′"},       {"sd", "″"},   {"12", "½"},  {"14", "¼"},  {"34", "¾"},
    {"S1", "¹"},        {"S2", "²"},   {"S3", "³"},       {"<-", "←"},   {"->", "→"},  {"<>", "↔"},  {"da", "↓"},
    {"ua", "↑"},        {"va", "↕"},   {"lA", "⇐"},       {"rA", "⇒"},   {"hA", "⇔"},  {"uA", "⇑"},  {"dA", "⇓"},
    {"an", "─"},        {"lc", "⌈"},   {"rc", "⌉"},       {"lf", "⌊"},   {"rf", "⌋"},  {"la", "⟨"},  {"ra", "⟩"},
    {"lB", "["},        {"rB", "]"},   {"lC", "{"},       {"rC", "}"},   {"ff", "ff"}, {"fi", "fi"}, {"fl", "fl"},
    {"Fi", "ffi"},      {"Fl", "ffl"}, {"ss", "ß"},       {"AE", "Æ"},   {"ae", "æ"},  {"OE", "Œ"},  {"oe", "œ"},
    {"IJ", "Ĳ"},        {"ij", "ĳ"},   {".i", "ı"},       {".j", "ȷ"},   {"-D", "Ð"},  {"Sd", "ð"},  {"TP", "Þ"},
    {"Tp", "þ"},        {"o/", "ø"},   {"O/", "Ø"},       {"/o", "ø"},   {"/O", "Ø"},  {"oa", "å"},  {"oA", "Å"},
    {"/l", "ł"},        {"/L", "Ł"},   {"vs", "š"},       {"vS", "Š"},   {"vz", "ž"},  {"vZ", "Ž"},  {"Of", "ª"},
    {"Om", "º"},        {"r!", "¡"},   {"r?", "¿"},       {"lz", "◊"},   {"CL", "♣"},  {"SP", "♠"},  {"HE", "♥"},
    {"DI", "♦"},        {"OK", "✓"},   {"aa", "´"},       {"ga", "`"},   {"ad", "¨"},  {"a^", "^"},  {"a~", "~"},
    {"ac", "¸"},        {"a-", "¯"},   {"ab", "˘"},       {"a.", "˙"},   {"ah", "ˇ"},  {"ao", "˚"},  {"ho", "˛"},
    {"a\"", "˝"},       {"ts", "ς"},   {"*a", "α"},       {"*b", "β"},   {"*g", "γ"},  {"*d", "δ"},  {"*e", "ε"},
    {"*z", "ζ"},        {"*y", "η"},   {"*h", "θ"},       {"*i", "ι"},   {"*k", "κ"},  {"*l", "λ"},  {"*m", "μ"},
    {"*n", "ν"},        {"*c", "ξ"},   {"*o", "ο"},       {"*p", "π"},   {"*r", "ρ"},  {"*s", "σ"},  {"*t", "τ"},
    {"*u", "υ"},        {"*f", "φ"},   {"*x", "χ"},       {"*q", "ψ"},   {"*w", "ω"},  {"*A", "Α"},  {"*B", "Β"},
    {"*G", "Γ"},        {"*D", "Δ"},   {"*E", "Ε"},       {"*Z", "Ζ"},   {"*Y", "Η"},  {"*H", "Θ"},  {"*I", "Ι"},
    {"*K", "Κ"},        {"*L", "Λ"},   {"*M", "Μ"},       {"*N", "Ν"},   {"*C", "Ξ"},  {"*O", "Ο"},  {"*P", "Π"},
    {"*R", "Ρ"},        {"*S", "Σ"},   {"*T", "Τ"},       {"*U", "Υ"},   {"*F", "Φ"},  {"*X", "Χ"},  {"*Q", "Ψ"},
    {"*W", "Ω"},        {"Lq", "“"},   {"Rq", "”"},       {"bs", ""},    {"\\-", "-"}, {"lt", "⎧"},  {"product", "∏"},
    {"coproduct", "∐"}, {"hbar", "ℏ"}, {"integral", "∫"}, {"sqrt", "√"}, {"nc", "⊉"},
}));

constexpr auto accents = std::to_array<Named>({{"'", "\u0301"},
                                               {"`", "\u0300"},
                                               {"^", "\u0302"},
                                               {":", "\u0308"},
                                               {"~", "\u0303"},
                                               {",", "\u0327"},
                                               {"aa", "\u0301"},
                                               {"ga", "\u0300"},
                                               {"a^", "\u0302"},
                                               {"ad", "\u0308"},
                                               {"a~", "\u0303"},
                                               {"ac", "\u0327"},
                                               {"ah", "\u030c"},
                                               {"ao", "\u030a"},
                                               {"ho", "\u0328"},
                                               {"a-", "\u0304"},
                                               {"ab", "\u0306"}});

std::string_view accent(std::string_view name) {
  const auto found = std::find_if(accents.begin(), accents.end(), [&](const Named& each) { return each.name == name; });
  return found == accents.end() ? std::string_view() : found->text;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void append_code(std::string& out, std::string_view digits, int base) {
  std::uint32_t code = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, base);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (whole && code >= 0x20 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) append_utf8(out, code);
}

// "u00E9", "u0041_0301" and "char233".
std::string by_number(std::string_view name) {
  std::string out;
  if (name.starts_with("char")) {
    append_code(out, name.substr(4), 10);
  } else if (name.size() >= 5 && name.front() == 'u') {
    for (name.remove_prefix(1); !name.empty();) {
      const std::size_t end = std::min(name.find('_'), name.size());
      append_code(out, name.substr(0, end), 16);
      name.remove_prefix(std::min(end + 1, name.size()));
    }
  }
  return out;
}

// Behind what an escape takes between two equal characters: '...'. Of "\w'...'" the quote may be any character.
std::string_view delimited(std::string_view source, std::size_t& at) {
  if (at >= source.size()) return {};
  const std::size_t begin = behind_characters(source, at, 1);
  const std::string_view quote = source.substr(at, begin - at);
  const std::size_t end = std::min(source.find(quote, begin), source.size());
  at = std::min(end + quote.size(), source.size());
  return source.substr(begin, end - begin);
}

// Behind the size of \s: a digit, two, or signed, or in brackets.
void skip_size(std::string_view source, std::size_t& at) {
  if (at < source.size() && (source[at] == '[' || source[at] == '(')) {
    selected_name(source, at);
    return;
  }
  if (at < source.size() && source[at] == '\'') {
    delimited(source, at);
    return;
  }
  if (at < source.size() && (source[at] == '+' || source[at] == '-')) ++at;
  const auto is_digit = [&] { return at < source.size() && source[at] >= '0' && source[at] <= '9'; };
  if (at < source.size() && (source[at] == '[' || source[at] == '(')) {
    selected_name(source, at);
  } else if (is_digit()) {
    const bool two = source[at] >= '1' && source[at] <= '3';
    ++at;
    if (two && is_digit()) ++at;
  }
}

// Escapes by what stands behind their letter: a name, something between quotes; and those that print nothing.
constexpr std::string_view with_name = "fFmMkgVYO*n", with_quoted = "vwlLDXxSHRBAZb", silent = "|^&)%:/,{}aduprz!?j";

bool is_one_of(char c, std::string_view letters) {
  return letters.find(c) != std::string_view::npos;
}

// The escape whose letter stands at source[at]; false when the rest of the line is a comment.
bool print_escape(std::string_view source, std::size_t& at, std::string& out, bool& joined) {
  const char c = source[at++];
  if (c == '"' || c == '#') return false;
  if (c == '(' || c == '[') {
    --at;
    out += character(selected_name(source, at));
  } else if (c == 'C') {
    out += character(delimited(source, at));
  } else if (c == 'N') {
    append_code(out, delimited(source, at), 10);
  } else if (is_one_of(c, with_name)) {
    selected_name(source, at);
  } else if (c == 's') {
    skip_size(source, at);
  } else if (c == 'h') {
    if (const auto motion = delimited(source, at); motion.find_first_of("123456789") < motion.find('-')) out += ' ';
  } else if (is_one_of(c, with_quoted)) {
    delimited(source, at);
  } else if (c == 'o') {
    const std::string_view over = delimited(source, at);
    out += printed(over.substr(0, over.starts_with('\\') ? over.size() : behind_characters(over, 0, 1)));
  } else if (c == 'c') {
    joined = true;
  } else if (c == ' ' || c == '~' || c == '0') {
    out += ' ';
  } else if (c == 't') {
    out += '\t';
  } else if (c == '\'') {
    out += "´";
  } else if (c == 'e' || c == '\\' || c == 'E') {
    out += '\\';
  } else if (!is_one_of(c, silent)) {  // "\-", "\." and the like print what follows
    out += c;
  }
  return true;
}

}  // namespace

std::size_t behind_characters(std::string_view source, std::size_t at, int n) {
  for (; n > 0 && at < source.size(); --n) {
    do ++at;
    while (at < source.size() && (static_cast<unsigned char>(source[at]) & 0xc0) == 0x80);
  }
  return at;
}

std::string_view selected_name(std::string_view source, std::size_t& at) {
  if (at >= source.size()) return {};
  if (source[at] == '(') {
    const std::size_t begin = at + 1;
    at = behind_characters(source, begin, 2);
    return source.substr(begin, at - begin);
  }
  if (source[at] == '[') {
    const std::size_t end = std::min(source.find(']', at), source.size());
    const std::string_view name = source.substr(at + 1, end - at - 1);
    at = std::min(end + 1, source.size());
    return name;
  }
  const std::size_t begin = at;
  at = behind_characters(source, begin, 1);
  return source.substr(begin, at - begin);
}

std::string character(std::string_view name) {
  const auto found = std::lower_bound(table.begin(), table.end(), Named{name, {}});
  if (found != table.end() && found->name == name) return std::string(found->text);
  if (name.size() == 2 && is_letter(name[1])) {
    if (const auto mark = accent(name.substr(0, 1)); !mark.empty()) return std::string(1, name[1]).append(mark);
  }
  if (name.size() > 2 && is_letter(name[0]) && name[1] == ' ')  // \[e aa]
    return std::string(1, name[0]).append(accent(name.substr(2)));
  if (name.size() == behind_characters(name, 0, 1)) return std::string(name);
  return by_number(name);
}

std::string printed(std::string_view source, bool* ends_joined) {
  std::string out;
  bool joined = false;
  for (std::size_t at = 0; at < source.size();) {
    const std::size_t escape = std::min(source.find('\\', at), source.size());
    if (escape > at) joined = false;
    out.append(source, at, escape - at);
    at = escape + 1;
    if (at >= source.size()) break;
    if (!print_escape(source, at, out, joined)) break;
  }
  if (ends_joined != nullptr) *ends_joined = joined;
  return out;
}

}  // namespace hearth::text::man
