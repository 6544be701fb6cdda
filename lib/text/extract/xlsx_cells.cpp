// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/xlsx_cells.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace hearth::text {
namespace {

constexpr double max_serial = 2958466;  // the day after 9999-12-31
constexpr int n_columns = 16384;
constexpr std::size_t exact_digits = 15;

std::string show_date(int serial, bool since_1904) {
  using std::chrono::days, std::chrono::sys_days, std::chrono::year;
  // 60 is 1900-02-29: days behind it count from one day earlier.
  const sys_days origin = since_1904     ? sys_days(year(1904) / 1 / 1)
                          : serial >= 60 ? sys_days(year(1899) / 12 / 30)
                                         : sys_days(year(1899) / 12 / 31);
  const std::chrono::year_month_day date(origin + days(serial));
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()));
  return text;
}

std::string show_time(int seconds) {
  char text[32];
  std::snprintf(text, sizeof text, seconds % 60 == 0 ? "%02d:%02d" : "%02d:%02d:%02d", seconds / 3600,
                seconds / 60 % 60, seconds % 60);
  return text;
}

}  // namespace

NumberFormat builtin_number_format(int id) {
  if ((id >= 14 && id <= 17) || (id >= 27 && id <= 31) || id == 36 || (id >= 50 && id <= 58)) return NumberFormat::date;
  if ((id >= 18 && id <= 21) || (id >= 32 && id <= 35) || (id >= 45 && id <= 47)) return NumberFormat::time;
  return id == 22 ? NumberFormat::date_time : NumberFormat::number;
}

NumberFormat number_format_of(std::string_view code) {
  bool date = false, time = false, month = false;
  for (std::size_t i = 0; i < code.size() && code[i] != ';'; ++i) {  // the part for positive numbers
    const char c = code[i];
    if (c == '\\' || c == '_' || c == '*') {
      ++i;
    } else if (c == '"') {
      i = std::min(code.find('"', i + 1), code.size());
    } else if (c == '[') {  // a colour, a condition, a locale; or hours that pass 24: [h]
      const std::size_t end = std::min(code.find(']', i), code.size());
      time = time || (end == i + 2 && std::string_view("hHmMsS").find(code[i + 1]) != std::string_view::npos);
      i = end;
    } else if (code.substr(i).starts_with("General")) {
      return NumberFormat::number;
    } else {
      date = date || std::string_view("yYdD").find(c) != std::string_view::npos;
      time = time || std::string_view("hHsS").find(c) != std::string_view::npos;
      month = month || c == 'm' || c == 'M';
    }
  }
  date = date || (month && !time);
  if (date) return time ? NumberFormat::date_time : NumberFormat::date;
  return time ? NumberFormat::time : NumberFormat::number;
}

std::string show_number(std::string_view value, NumberFormat format, bool since_1904) {
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || !std::isfinite(number)) return std::string(value);
  if (format == NumberFormat::number || number < 0 || number >= max_serial) {
    if (value.size() <= exact_digits) return std::string(value);
    char text[64];
    std::snprintf(text, sizeof text, "%.15g", number);
    return text;
  }
  int day = static_cast<int>(number);
  int seconds = static_cast<int>(std::lround((number - day) * 86400));
  if (seconds == 86400) ++day, seconds = 0;
  if (format == NumberFormat::time) return show_time(day > 365 ? seconds : day * 86400 + seconds);
  const std::string date = show_date(day, since_1904);
  return format == NumberFormat::date || seconds == 0 ? date : date + " " + show_time(seconds);
}

int column_of(std::string_view reference) {
  int column = 0;
  for (const char c : reference) {
    if (c < 'A' || c > 'Z') break;
    column = column * 26 + (c - 'A' + 1);
    if (column > n_columns) return -1;
  }
  return column - 1;
}

}  // namespace hearth::text
