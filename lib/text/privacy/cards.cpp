// SPDX-License-Identifier: Apache-2.0
// Payment cards alone.
#include <algorithm>
#include <array>

#include "lib/text/privacy/context.h"
#include "lib/text/privacy/numbers.h"

namespace hearth::text::privacy {
namespace {

constexpr std::size_t least_digits = 13, most_digits = 19;

struct Digits {
  std::array<char, most_digits> digit{};  // '0' to '9'
  std::size_t n = 0;
  std::array<std::size_t, 6> group{};  // digits of each printed group
  std::size_t n_groups = 0;
  std::size_t end = 0;  // in the text
};

// Digits from begin on, in groups parted by the same single space or dash; n is 0 when they are none of a card.
Digits read_digits(std::string_view text, std::size_t begin) {
  Digits digits;
  char separator = '\0';
  std::size_t at = begin;
  for (digits.n_groups = 1;; ++at) {
    const char c = byte_at(text, at);
    if (is_digit(c)) {
      if (digits.n == most_digits) return {};
      digits.digit[digits.n++] = c;
      ++digits.group[digits.n_groups - 1];
    } else if ((c == ' ' || c == '-') && (separator == '\0' || separator == c) && is_digit(byte_at(text, at + 1))) {
      separator = c;
      if (++digits.n_groups > digits.group.size()) return {};
    } else {
      break;
    }
  }
  digits.end = at;
  return digits;
}

bool passes_luhn(const Digits& digits) {
  int sum = 0;
  bool other = false;
  for (std::size_t i = digits.n; i-- > 0; other = !other) {
    const int digit = (digits.digit[i] - '0') * (other ? 2 : 1);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum % 10 == 0;
}

bool all_equal_behind_first(const Digits& digits) {
  for (std::size_t i = 2; i + 1 < digits.n; ++i) {
    if (digits.digit[i] != digits.digit[1]) return false;
  }
  return digits.digit[0] == digits.digit[1] || digits.digit[1] == '0';
}

// Issuers by prefix and length, those whose ranges are published: Visa, Mastercard, American Express, Discover, JCB,
// Diners, UnionPay, Maestro.
bool is_issued(const Digits& digits) {
  unsigned prefix = 0;
  for (std::size_t i = 0; i < 6; ++i) prefix = prefix * 10 + static_cast<unsigned>(digits.digit[i] - '0');
  const auto between = [prefix](unsigned low, unsigned high) { return prefix >= low && prefix <= high; };
  const std::size_t n = digits.n;
  if (between(400000, 499999)) return n == 13 || n == 16 || n == 19;
  if (between(510000, 559999) || between(222100, 272099)) return n == 16;
  if (between(340000, 349999) || between(370000, 379999)) return n == 15;
  if (between(601100, 601199) || between(644000, 659999)) return n == 16 || n == 19;
  if (between(352800, 358999)) return n == 16 || n == 19;
  if (between(300000, 305999) || between(360000, 369999) || between(380000, 399999)) return n == 14;
  if (between(620000, 629999)) return n >= 16;
  return n >= 16 &&
         (between(500000, 509999) || between(560000, 589999) || between(630000, 639999) || between(670000, 679999));
}

bool is_printed_like_a_card(const Digits& digits) {
  const auto groups_are = [&](std::initializer_list<std::size_t> sizes) {
    std::size_t i = 0;
    for (const std::size_t size : sizes) {
      if (digits.group[i++] != size) return false;
    }
    return digits.n_groups == sizes.size();
  };
  return groups_are({4, 4, 4, 4}) || groups_are({4, 6, 5}) || groups_are({4, 6, 4}) || groups_are({4, 4, 4, 4, 3});
}

// Coordinates of drawings come in fours too, and often twice the same; 1111 twice is no sign of them.
bool has_equal_groups(const Digits& digits) {
  std::size_t first = 0;
  for (std::size_t i = 0; i < digits.n_groups; first += digits.group[i++]) {
    const char* const begin = &digits.digit[first];
    if (std::all_of(begin, begin + digits.group[i], [&](char c) { return c == *begin; })) continue;
    std::size_t second = first + digits.group[i];
    for (std::size_t j = i + 1; j < digits.n_groups; second += digits.group[j++]) {
      if (digits.group[i] == digits.group[j] && std::equal(begin, begin + digits.group[i], &digits.digit[second]))
        return true;
    }
  }
  return false;
}

bool speaks_of_cards(std::string_view before) {
  return mentions(before, {"card", "visa", "amex", "american express", "diners", "maestro", "payment", "karte"}) ||
         mentions_word(before, {"cc", "pan", "ccnum", "jcb"});
}

// Four hexadecimal digits as tables of characters have them: the next four may be decimal by chance.
bool is_code_point(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return is_digit(c) || (c >= 'A' && c <= 'F'); });
}

}  // namespace

MaybeFinding card_at(std::string_view text, std::size_t begin) {
  const char before = byte_before(text, begin);
  if (is_alnum(before) || before == '_' || before == '.' || before == '+') return std::nullopt;
  if ((before == '-' || before == ' ' || before == ',') && begin > 1 && is_digit(text[begin - 2])) return std::nullopt;
  if (before == ' ' && begin > 5 && is_code_point(text.substr(begin - 5, 4))) return std::nullopt;
  const Digits digits = read_digits(text, begin);
  if (digits.n < least_digits) return std::nullopt;
  const char behind = byte_at(text, digits.end), second = byte_at(text, digits.end + 1);
  if (is_alnum(behind) || behind == '_' || ((behind == '.' || behind == ',' || behind == '-') && is_digit(second)))
    return std::nullopt;
  if (!is_issued(digits) || !passes_luhn(digits) || all_equal_behind_first(digits)) return std::nullopt;
  const std::string_view in_front = line_before(text, begin, 60);
  // Those that begin with 2 lie where numbers of all kinds do: they want a word beside them.
  const bool grouped = is_printed_like_a_card(digits) && !has_equal_groups(digits) &&
                       (digits.digit[0] != '2' || speaks_of_cards(in_front));
  const bool whole = digits.n_groups == 1 && (digits.n == 15 || digits.n == 16) && digits.digit[0] != '2' &&
                     digits.digit[0] != '6' && before != '-' && before != '/';
  if (!grouped && !(whole && !mentions(in_front, {"id", "time", "seed", "isbn", "serial"})) &&
      !(digits.n_groups == 1 && speaks_of_cards(in_front)))
    return std::nullopt;
  return Finding{begin, digits.end, Kind::card};
}

}  // namespace hearth::text::privacy
