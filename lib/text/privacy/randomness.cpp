// SPDX-License-Identifier: Apache-2.0
#include "lib/text/privacy/randomness.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>

#include "lib/text/privacy/context.h"

namespace hearth::text::privacy {
namespace {

int class_of(char c) {
  if (is_digit(c)) return 1;
  if (is_lower(c)) return 2;
  return is_upper(c) ? 3 : 4;
}

// Runs upwards such as "abcdefgh" or "01234567": the alphabets of encoders.
bool holds_sequence(std::string_view value) {
  std::size_t run = 1;
  for (std::size_t i = 1; i < value.size(); ++i) {
    run = value[i] == value[i - 1] + 1 ? run + 1 : 1;
    if (run == 6) return true;
  }
  return false;
}

// The longest part between marks: identifiers and paths are made of short ones.
std::size_t longest_part(std::string_view value) {
  std::size_t longest = 0, length = 0;
  for (const char c : value) {
    length = is_alnum(c) ? length + 1 : 0;
    longest = std::max(longest, length);
  }
  return longest;
}

struct Classes {
  std::array<std::size_t, 5> n{};
  std::size_t changes = 0;  // neighbours that differ in class, but for "Hello": words change so
};

Classes classes_of(std::string_view value) {
  Classes classes;
  for (std::size_t i = 0; i < value.size(); ++i) {
    ++classes.n[static_cast<std::size_t>(class_of(value[i]))];
    const bool word_start = i > 0 && class_of(value[i]) == 2 && class_of(value[i - 1]) == 3;
    classes.changes += i > 0 && class_of(value[i]) != class_of(value[i - 1]) && !word_start ? 1 : 0;
  }
  return classes;
}

// Of random base64 about 64 % of neighbours differ in class, 16 % of all from a capital to a small letter; of random
// small letters and digits 40 %.
bool changes_like_random(const Classes& classes, std::string_view value) {
  const std::size_t n_letters = classes.n[2] + classes.n[3];
  return classes.n[1] > 0 && n_letters > 0 && classes.n[4] * 8 <= value.size() &&
         classes.changes * 100 >= (value.size() - 1) * 33 && !holds_sequence(value) && entropy_bits(value) >= 3;
}

}  // namespace

double entropy_bits(std::string_view value) {
  std::array<int, 256> n{};
  for (const char c : value) ++n[static_cast<unsigned char>(c)];
  double bits = 0;
  for (const int count : n) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / static_cast<double>(value.size());
    bits -= share * std::log2(share);
  }
  return bits;
}

bool all_hex(std::string_view value) {
  return std::all_of(value.begin(), value.end(), is_hex);
}

bool looks_random_base64(std::string_view value) {
  const Classes classes = classes_of(value);
  return classes.n[2] > 0 && classes.n[3] > 0 && longest_part(value) >= 14 && changes_like_random(classes, value);
}

bool looks_random_token(std::string_view value) {
  return looks_random_hex(value) || changes_like_random(classes_of(value), value);
}

bool looks_random_hex(std::string_view value) {
  const auto n_digits = std::count_if(value.begin(), value.end(), is_digit);
  const auto n = static_cast<std::ptrdiff_t>(value.size());
  return all_hex(value) && n_digits > 0 && n_digits < n && entropy_bits(value) >= 3 && !holds_sequence(value);
}

}  // namespace hearth::text::privacy
