// SPDX-License-Identifier: Apache-2.0
// The full JSON type and checked access to it. Only for .cpp files (it is slow to compile).
#pragma once
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/json.h"

namespace hearth {

// Parses text; Error{data} "WHERE: line 3, column 7: ..." for what is not JSON, has a key twice, or is 1001 deep.
Json parse_json(std::string_view text, std::string_view where);
Json read_json(const std::filesystem::path& path);

// dump() that never throws: invalid UTF-8 becomes U+FFFD. indent < 0 gives one line.
std::string dump_json(const Json& value, int indent = -1);

// Whether value can be read as a T without loss: a whole number (4 or 4.0) in range for an integer, never true for a
// number. Types that are not numbers are left to the JSON library.
template <class T>
bool json_fits(const Json& value) {
  if constexpr (std::is_same_v<T, bool>) return value.is_boolean();
  if constexpr (std::is_floating_point_v<T>) return value.is_number();
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    if (value.is_number_unsigned()) return std::in_range<T>(value.get<std::uint64_t>());
    if (value.is_number_integer()) return std::in_range<T>(value.get<std::int64_t>());
    if (!value.is_number_float()) return false;
    const double number = value.get<double>();
    return std::abs(number) <= 0x1p53 && number == std::floor(number) && std::in_range<T>(static_cast<std::int64_t>(number));
  }
  return true;
}

// value[key] as a T; throws Error{data} naming where and key when it is absent, of another type or out of range.
template <class T>
T json_get(const Json& value, const char* key, std::string_view where) {
  const auto found = value.is_object() ? value.find(key) : value.end();
  if (!value.is_object() || found == value.end()) {
    throw Error(Kind::data, std::string(where) + ": '" + key + "' is missing");
  }
  try {
    if (json_fits<T>(*found)) return found->template get<T>();
  } catch (const nlohmann::json::exception&) {  // told below
  }
  throw Error(Kind::data, std::string(where) + ": '" + key + "' has the wrong type: " + dump_json(*found).substr(0, 60));
}

// The same, but fallback when the key is absent or null.
template <class T>
T json_get_or(const Json& value, const char* key, std::string_view where, T fallback) {
  if (!value.is_object() || !value.contains(key) || value.at(key).is_null()) return fallback;
  return json_get<T>(value, key, where);
}

}  // namespace hearth
