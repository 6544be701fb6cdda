// SPDX-License-Identifier: Apache-2.0
#include "lib/base/text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace hearth {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// Three significant digits, but never an exponent: "1.5", "12.3", "1023".
std::string three_digits(double value) {
  char text[48];
  std::snprintf(text, sizeof text, std::abs(value) >= 999.5 ? "%.0f" : "%.3g", value);
  return text;
}

std::string scaled(double value, double base, std::span<const char* const> units) {
  std::size_t unit = 0;
  while (std::abs(value) >= base - 0.5 && unit + 1 < units.size()) {
    value /= base;
    ++unit;
  }
  return (unit == 0 ? format_number(std::round(value), 6) : three_digits(value)) + units[unit];
}

// A cell that reads as a quantity ("12", "-0.5", "3.2 GiB") or stands for none ("", "-").
bool is_quantity(std::string_view cell) {
  if (!cell.empty() && (cell.front() == '-' || cell.front() == '+')) cell.remove_prefix(1);
  return cell.empty() || (cell.front() >= '0' && cell.front() <= '9') || cell.front() == '.';
}

// Characters, not bytes, of UTF-8.
std::size_t width_of(std::string_view cell) {
  return static_cast<std::size_t>(
      std::count_if(cell.begin(), cell.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::optional<std::string> nearest_word(std::string_view word, std::span<const std::string> known) {
  std::optional<std::string> best;
  std::size_t best_distance = word.size() / 3 + 2;  // further than this is another word
  for (const std::string& candidate : known) {
    const bool extends = !word.empty() && (candidate.starts_with(word) || word.starts_with(candidate));
    const std::size_t distance = extends ? 1 : edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) out += (i ? std::string(separator) : "") + parts[i];
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n\f\v");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n\f\v") - first + 1);
}

std::string human_bytes(double bytes) {
  static constexpr const char* units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
  return scaled(bytes, 1024, units);
}

std::string human_count(double count) {
  static constexpr const char* units[] = {"", " k", " M", " G", " T", " P"};
  return scaled(count, 1000, units);
}

std::string human_seconds(double seconds) {
  if (!std::isfinite(seconds)) return "unknown";
  char text[48];
  if (seconds < 0.9995) return three_digits(seconds * 1e3) + " ms";
  if (seconds < 120) return three_digits(seconds) + " s";
  if (seconds < 7200) {
    const long whole = std::lround(seconds);
    std::snprintf(text, sizeof text, "%ld min %02ld s", whole / 60, whole % 60);
  } else {
    const long minutes = std::lround(seconds / 60);
    std::snprintf(text, sizeof text, "%ld h %02ld min", minutes / 60, minutes % 60);
  }
  return text;
}

std::string format_number(double value, int significant_digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*g", significant_digits, value);
  return text;
}

std::string TextTable::text() const {
  std::vector<std::size_t> widths;
  std::vector<bool> right_aligned;  // columns of quantities only, their heading too
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    right_aligned.resize(widths.size(), rows_.size() > 1);
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(row[i]));
      if (&row != &rows_.front() && !is_quantity(row[i])) right_aligned[i] = false;
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - width_of(row[i]), ' ');
      line += (i ? "  " : "") + (right_aligned[i] ? padding + row[i] : row[i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace hearth
