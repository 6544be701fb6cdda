// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/json_value.h"

namespace hearth {
namespace {

// Line and column (from 1) of a byte offset.
std::string position_of(std::string_view text, std::size_t offset) {
  offset = std::min(offset, text.size());
  std::size_t line = 1, line_start = 0;
  for (std::size_t i = 0; i < offset; ++i) {
    if (text[i] == '\n') {
      ++line;
      line_start = i + 1;
    }
  }
  return "line " + std::to_string(line) + ", column " + std::to_string(offset - line_start + 1);
}

// nlohmann's message without its "[json.exception...]" prefix and position, which position_of gives.
std::string reason_of(const nlohmann::json::exception& error) {
  std::string text = error.what();
  if (const auto at = text.find("] "); at != std::string::npos) text.erase(0, at + 2);
  if (const auto at = text.find(": "); text.starts_with("parse error") && at != std::string::npos) text.erase(0, at + 2);
  return text;
}

}  // namespace

Json parse_json(std::string_view text, std::string_view where) {
  std::vector<std::set<std::string>> open_objects;
  const auto refuse_duplicate_keys = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == Json::parse_event_t::object_end) open_objects.pop_back();
    if (event == Json::parse_event_t::key && !open_objects.back().insert(parsed.get<std::string>()).second) {
      throw Error(Kind::data, std::string(where) + ": the key '" + parsed.get<std::string>() + "' stands twice in one object");
    }
    return true;
  };
  try {
    return Json::parse(text, refuse_duplicate_keys);
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(Kind::data, std::string(where) + ": " + position_of(text, error.byte > 0 ? error.byte - 1 : 0) +
                                ": not JSON: " + reason_of(error));
  } catch (const nlohmann::json::exception& error) {
    throw Error(Kind::data, std::string(where) + ": not JSON: " + reason_of(error));
  }
}

Json read_json(const std::filesystem::path& path) { return parse_json(read_file(path), path.string()); }

std::string dump_json(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hearth
