// SPDX-License-Identifier: Apache-2.0
// Telephone numbers alone. A number's shape is read once; then it counts by its own form or by what stands in front.
#include <algorithm>
#include <array>

#include "lib/text/privacy/context.h"
#include "lib/text/privacy/numbers.h"

namespace hearth::text::privacy {
namespace {

constexpr std::size_t least_digits = 7, most_digits = 15;

struct Shape {
  std::array<char, most_digits> digit{};
  std::size_t n = 0;
  std::array<std::uint8_t, 8> group{};  // digits between separators
  std::size_t n_groups = 0;
  char separator = '\0';      // the first one
  bool one_separator = true;  // and all others are the same, alone
  std::size_t end = 0;
};

bool is_separator(char c) {
  return c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')';
}

// Digits with up to two separators ("-", ") ", " / ") between groups; n is 0 when there are too many.
Shape read_shape(std::string_view text, std::size_t begin) {
  Shape shape;
  shape.n_groups = 1;
  for (std::size_t at = begin;;) {
    while (is_digit(byte_at(text, at))) {
      if (shape.n == most_digits) return {};
      shape.digit[shape.n++] = text[at++];
      ++shape.group[shape.n_groups - 1];
    }
    shape.end = at;
    std::size_t behind = at;
    while (behind - at < 3 && is_separator(byte_at(text, behind)) && behind < text.size()) ++behind;
    if (behind == at || !is_digit(byte_at(text, behind))) return shape;
    if (shape.separator == '\0') shape.separator = text[at];
    shape.one_separator = shape.one_separator && behind == at + 1 && text[at] == shape.separator;
    if (++shape.n_groups > shape.group.size()) return {};
    at = behind;
  }
}

// Country codes of ITU E.164 by their first two digits: how long the code is (1, 2 or 3), 0 where there is none.
std::size_t country_code_length(const Shape& shape) {
  const char first = shape.digit[0], second = shape.digit[1];
  if (first == '1' || first == '7') return 1;
  constexpr std::string_view two =
      "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 "
      "64 65 66 81 82 84 86 90 91 92 93 94 95 98 ";
  const std::array<char, 3> code = {first, second, ' '};
  for (std::size_t at = 0; at < two.size(); at += 3) {
    if (two.substr(at, 3) == std::string_view(code.data(), 3)) return 2;
  }
  constexpr std::string_view three = "21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99 ";
  for (std::size_t at = 0; at < three.size(); at += 3) {
    if (three.substr(at, 3) == std::string_view(code.data(), 3)) return 3;
  }
  return 0;
}

bool is_north_american(const char* ten_digits) {
  return ten_digits[0] >= '2' && ten_digits[3] >= '2';
}

bool is_international(std::string_view text, std::size_t begin, const Shape& shape) {
  const std::size_t plus = begin - 1;
  const char before = byte_before(text, plus);
  if (is_alnum(before) || before == '+' || before == ')' || before == ']' || before == '_' || before == '.')
    return false;
  const std::size_t code = shape.n >= 8 ? country_code_length(shape) : 0;
  if (code == 0 || shape.n < code + 6) return false;
  if (shape.digit[0] == '1' && (shape.n != 11 || !is_north_american(shape.digit.data() + 1))) return false;
  const bool grouped = shape.n_groups > 1 && shape.n_groups <= 6 && shape.group[0] <= 5;
  if (shape.n_groups > 1) return grouped && (shape.separator != '.' || shape.one_separator);
  return before != '\n' && before != '\0' ? shape.n >= 10 : shape.n >= 11;  // at a line's start a patch adds numbers
}

bool speaks_of_phones(std::string_view text, std::size_t begin) {
  std::size_t at = begin;
  while (at > 0 && begin - at < 6 && std::string_view(" \t.:()+#=\"'*").find(text[at - 1]) != std::string_view::npos)
    --at;
  const std::string_view before = line_before(text, at, 24);
  std::size_t word = before.size();
  while (word > 0 && (is_letter(before[word - 1]) || static_cast<unsigned char>(before[word - 1]) >= 0x80)) --word;
  const std::string_view last = before.substr(word);
  if (last.empty()) return false;
  static constexpr std::array<std::string_view, 24> names = {"tel",
                                                             "telephone",
                                                             "phone",
                                                             "phones",
                                                             "fax",
                                                             "telefax",
                                                             "telefon",
                                                             "mobile",
                                                             "mobil",
                                                             "handy",
                                                             "cell",
                                                             "cellphone",
                                                             "hotline",
                                                             "fon",
                                                             "whatsapp",
                                                             "ph",
                                                             "telefono",
                                                             "movil",
                                                             "portable",
                                                             "\xe2\x98\x8e",
                                                             "\xe2\x98\x8e\xef\xb8\x8f",
                                                             "\xe7\x94\xb5\xe8\xaf\x9d",
                                                             "\xe6\x89\x8b\xe6\x9c\xba",
                                                             "\xe9\x9b\xbb\xe8\xa9\xb1"};
  for (const std::string_view name : names) {
    if (equal_ignoring_case(last, name) || (static_cast<unsigned char>(name[0]) >= 0x80 && last.ends_with(name)))
      return true;
  }
  const bool follows = equal_ignoring_case(last, "number") || equal_ignoring_case(last, "no") ||
                       equal_ignoring_case(last, "nr") || equal_ignoring_case(last, "us") ||
                       equal_ignoring_case(last, "me");
  return follows && mentions(before, {"phone", "tel", "call", "fax"});
}

bool speaks_of_other_numbers(std::string_view text, std::size_t begin) {
  const std::string_view before = line_before(text, begin, 32);
  return mentions_word(before, {"isbn", "issn", "doi", "rfc", "version", "v", "id", "bug", "serial", "revision", "rev",
                                "part", "pmid", "oclc", "orcid", "uuid", "range"}) ||
         before.ends_with("#");
}

// (ddd) ddd-dddd, ddd-ddd-dddd, ddd.ddd.dddd, with or without a leading 1.
bool is_north_american_form(std::string_view text, std::size_t begin, const Shape& shape) {
  const std::size_t lead = shape.n == 11 && shape.digit[0] == '1' && shape.group[0] == 1 ? 1 : 0;
  if (shape.n != 10 + lead || shape.n_groups != 3 + lead) return false;
  if (shape.group[lead] != 3 || shape.group[lead + 1] != 3 || !is_north_american(shape.digit.data() + lead))
    return false;
  const bool parentheses = lead == 0 && byte_before(text, begin) == '(' && byte_at(text, begin + 3) == ')';
  return parentheses || (shape.one_separator && (shape.separator == '-' || shape.separator == '.'));
}

// 0d dd dd dd dd with one separator; not 01 02 03 04 05.
bool is_french_form(const Shape& shape) {
  return shape.n == 10 && shape.n_groups == 5 && shape.digit[0] == '0' && shape.digit[1] != '0' &&
         shape.digit[3] != shape.digit[1] + 1 && shape.one_separator && shape.separator != '/' &&
         std::all_of(shape.group.begin(), shape.group.begin() + 5, [](int n) { return n == 2; });
}

// The groups' lengths, as digits: 343 of 030-1234-567.
std::uint64_t grouping(const Shape& shape) {
  std::uint64_t lengths = 0;
  for (std::size_t i = 0; i < shape.n_groups; ++i) lengths = lengths * 10 + shape.group[i];
  return lengths;
}

// Numbers as they are written inside countries: 0 and an area code, in parentheses or apart ((02) 9876 5432, 030
// 901820, 07400 123456, 03-3224-9999); nine or eleven digits in the groups of Spain, Poland, Brazil and of Chinese
// mobiles.
bool is_national_form(std::string_view text, std::size_t begin, const Shape& shape) {
  const bool in_parentheses = byte_before(text, begin) == '(' && byte_at(text, begin + shape.group[0]) == ')';
  if (shape.n_groups < 2 || shape.n < 9 || shape.n > 11) return false;
  const bool plain = shape.one_separator && (shape.separator == ' ' || shape.separator == '-');
  const std::uint64_t groups = grouping(shape);
  if (groups == 54 || groups == 64) return false;  // ZIP codes: 02110-1301
  if (shape.digit[0] == '0') {
    const bool pairs =
        std::all_of(shape.group.begin(), shape.group.begin() + shape.n_groups, [](int n) { return n == 2; });
    if (shape.digit[1] == '0' || pairs || shape.group[0] < 2 || shape.group[0] > 6 || shape.n_groups > 5) return false;
    for (std::size_t i = 1; i < shape.n_groups; ++i) {
      if (shape.group[i] < 2 || (shape.n_groups > 3 && shape.group[i] > 4)) return false;
    }
    return in_parentheses || plain;
  }
  if (in_parentheses) return shape.group[0] == 2 && (groups == 244 || groups == 254);
  if (groups == 344 && shape.digit[0] == '1') return plain && shape.digit[1] >= '3';
  if (!shape.one_separator || shape.separator != ' ') return false;
  return (groups == 3222 && shape.digit[0] >= '6') || (groups == 2322 && shape.digit[0] >= '1');
}

}  // namespace

MaybeFinding phone_at(std::string_view text, std::size_t begin) {
  const char before = byte_before(text, begin);
  const Shape shape = read_shape(text, begin);
  if (shape.n < least_digits) return std::nullopt;
  const char behind = byte_at(text, shape.end), second = byte_at(text, shape.end + 1);
  if (is_alnum(behind) || behind == '_' || behind == '%' || behind == '+') return std::nullopt;
  if ((behind == ',' || behind == ':' || behind == '=') && is_digit(second)) return std::nullopt;
  if (before == '+') {
    if (is_international(text, begin, shape)) return Finding{begin - 1, shape.end, Kind::phone};
    return std::nullopt;
  }
  if (is_alnum(before) || before == '_' || before == '-' || before == '.' || before == '/' || before == '=' ||
      before == ',')
    if (!(before == '=' || before == '.') || !speaks_of_phones(text, begin)) return std::nullopt;
  if (before == ' ' && begin > 1 && is_digit(text[begin - 2])) return std::nullopt;  // the middle of a table's row
  const std::size_t first = before == '(' ? begin - 1 : begin;
  const bool by_form =
      (is_north_american_form(text, begin, shape) || is_french_form(shape) || is_national_form(text, begin, shape)) &&
      !speaks_of_other_numbers(text, begin);
  if (by_form || speaks_of_phones(text, begin)) return Finding{first, shape.end, Kind::phone};
  return std::nullopt;
}

}  // namespace hearth::text::privacy
