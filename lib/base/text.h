// SPDX-License-Identifier: Apache-2.0
// Small text helpers shared by messages, tables and parsers.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// The known word nearest to word by edit distance, when near enough to be a slip of the hand.
std::optional<std::string> nearest_word(std::string_view word, std::span<const std::string> known);

std::string join(std::span<const std::string> parts, std::string_view separator);
std::vector<std::string> split(std::string_view text, char separator);  // "a,,b" has three parts
std::string_view trim(std::string_view text);                            // ASCII white space off both ends

std::string human_bytes(double bytes);    // "1.5 GiB"
std::string human_count(double count);    // "12.3 M"
std::string human_seconds(double seconds);  // "2 h 05 min", "12.3 s", "4.2 ms"
std::string format_number(double value, int significant_digits);

// A plain table: columns padded to their widest cell, two spaces between; a column of quantities is right-aligned.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;  // ends in a newline

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace hearth
