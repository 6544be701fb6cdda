// SPDX-License-Identifier: Apache-2.0
// The full JSON type and checked access to it. Only for .cpp files (it is slow to compile).
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/base/json.h"

namespace hearth {

// Parses text; throws Error{data} "WHERE: line 3, column 7: ..." for what is not JSON, or holds a key twice.
Json parse_json(std::string_view text, std::string_view where);
Json read_json(const std::filesystem::path& path);

// dump() that never throws: invalid UTF-8 becomes U+FFFD. indent < 0 gives one line.
std::string dump_json(const Json& value, int indent = -1);

// value[key] as a T; throws Error{data} naming where and key when it is absent or of another type.
template <class T>
T json_get(const Json& value, const char* key, std::string_view where) {
  const auto found = value.is_object() ? value.find(key) : value.end();
  if (!value.is_object() || found == value.end()) {
    throw Error(Kind::data, std::string(where) + ": '" + key + "' is missing");
  }
  try {
    return found->template get<T>();
  } catch (const nlohmann::json::exception&) {
    throw Error(Kind::data, std::string(where) + ": '" + key + "' has the wrong type: " + dump_json(*found).substr(0, 60));
  }
}

// The same, but fallback when the key is absent or null.
template <class T>
T json_get_or(const Json& value, const char* key, std::string_view where, T fallback) {
  if (!value.is_object() || !value.contains(key) || value.at(key).is_null()) return fallback;
  return json_get<T>(value, key, where);
}

}  // namespace hearth
