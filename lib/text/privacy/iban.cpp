// SPDX-License-Identifier: Apache-2.0
// IBANs alone: the table of lengths is long.
#include <algorithm>
#include <array>

#include "lib/text/privacy/context.h"
#include "lib/text/privacy/numbers.h"

namespace hearth::text::privacy {
namespace {

struct Country {
  std::string_view code;
  std::size_t length;  // of the whole IBAN
};

// The SWIFT registry's lengths.
constexpr std::array<Country, 82> countries = {
    {{"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22}, {"BH", 22},
     {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DJ", 27},
     {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FK", 18}, {"FO", 18}, {"FR", 27},
     {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22},
     {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32},
     {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19},
     {"MN", 20}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24},
     {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24}, {"SC", 31},
     {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25}, {"SV", 28}, {"TN", 24},
     {"TR", 26}}};
constexpr std::array<Country, 4> late_countries = {{{"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}}};

std::size_t length_of(std::string_view code) {
  const auto is_it = [&](const Country& country) { return country.code == code; };
  if (const auto found = std::find_if(countries.begin(), countries.end(), is_it); found != countries.end())
    return found->length;
  const auto found = std::find_if(late_countries.begin(), late_countries.end(), is_it);
  return found != late_countries.end() ? found->length : 0;
}

// The number mod 97 with the first four characters moved to the end and letters as 10 to 35 (ISO 7064).
unsigned remainder_97(std::string_view iban) {
  unsigned rest = 0;
  for (std::size_t i = 0; i < iban.size(); ++i) {
    const char c = iban[(i + 4) % iban.size()];
    const auto value = static_cast<unsigned>(is_digit(c) ? c - '0' : c - 'A' + 10);
    rest = (rest * (value < 10 ? 10 : 100) + value) % 97;
  }
  return rest;
}

}  // namespace

MaybeFinding iban_at(std::string_view text, std::size_t begin) {
  if (is_alnum(byte_before(text, begin)) || begin + 4 > text.size()) return std::nullopt;
  const std::size_t length = length_of(text.substr(begin, 2));
  if (length == 0 || !is_digit(text[begin + 2]) || !is_digit(text[begin + 3])) return std::nullopt;
  std::array<char, 34> compact{};
  std::size_t n = 0, at = begin, group = 0;
  bool spaced = false;
  for (; n < length && at < text.size(); ++at) {
    const char c = text[at];
    if (is_digit(c) || is_upper(c)) {
      compact[n++] = c;
      ++group;
    } else if ((c == ' ' || c == '-') && group == 4 && (spaced || n == 4)) {
      spaced = true;
      group = 0;
    } else {
      return std::nullopt;
    }
    if (spaced && group > 4) return std::nullopt;
  }
  if (n < length || is_alnum(byte_at(text, at)) || remainder_97({compact.data(), n}) != 1) return std::nullopt;
  return Finding{begin, at, Kind::iban};
}

}  // namespace hearth::text::privacy
