// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <unordered_set>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/json_value.h"

namespace hearth {
namespace {

// Lists and objects in one another: writing a value, copying and comparing it recurse.
constexpr std::size_t most_nested = 1000;

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
  if (const auto at = text.find(": "); text.starts_with("parse error") && at != std::string::npos)
    text.erase(0, at + 2);
  return text;
}

// Builds the value as it is read. The library's own builder looks through all keys of an object for each new one, and
// through all elements of a list after each object in it.
class Builder final : public Json::json_sax_t {
 public:
  Builder(std::string_view text, std::string_view where) : text_(text), where_(where) {}
  Json take() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(std::int64_t value) override { return put(value); }
  bool number_unsigned(std::uint64_t value) override { return put(value); }
  bool number_float(double value, const std::string&) override { return put(value); }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(Json::binary_t& value) override { return put(std::move(value)); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    Open& object = open_.back();
    Members& members = members_of(*object.value);
    if (has_key(object, members, name)) {
      throw Error(Kind::data, std::string(where_) + ": the key '" + name + "' stands twice in one object");
    }
    members.emplace_back(std::move(name), Json());
    return true;
  }

  bool parse_error(std::size_t offset, const std::string&, const nlohmann::json::exception& error) override {
    const bool has_position = dynamic_cast<const nlohmann::json::parse_error*>(&error) != nullptr;
    throw Error(Kind::data, std::string(where_) + ": " +
                                (has_position ? position_of(text_, offset > 0 ? offset - 1 : 0) + ": " : "") +
                                "not JSON: " + reason_of(error));
  }

 private:
  using Members = Json::object_t::Container;
  static constexpr std::size_t few_keys = 16;  // are compared one by one
  struct Open {
    Json* value;
    std::unordered_set<std::string> keys;  // of an object of more than a few
  };
  static Members& members_of(Json& object) { return object.get_ref<Json::object_t&>(); }

  static bool has_key(Open& object, const Members& members, const std::string& name) {
    if (members.size() < few_keys) {
      return std::any_of(members.begin(), members.end(), [&](const auto& member) { return member.first == name; });
    }
    if (members.size() == few_keys) {
      for (const auto& member : members) object.keys.insert(member.first);
    }
    return !object.keys.insert(name).second;
  }

  // The place of the next value: the root, the end of a list, or the member whose key was read last.
  template <class Value>
  Json& place(Value&& value) {
    if (open_.empty()) return root_ = std::forward<Value>(value);
    Json& around = *open_.back().value;
    if (around.is_array()) return around.get_ref<Json::array_t&>().emplace_back(std::forward<Value>(value));
    return members_of(around).back().second = std::forward<Value>(value);
  }
  template <class Value>
  bool put(Value&& value) {
    place(std::forward<Value>(value));
    return true;
  }
  bool open(Json value) {
    if (open_.size() == most_nested) {
      throw Error(Kind::data, std::string(where_) + ": nested deeper than " + std::to_string(most_nested));
    }
    open_.push_back({&place(std::move(value)), {}});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_, where_;
  Json root_;
  std::vector<Open> open_;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view where) {
  Builder builder(text, where);
  try {
    Json::sax_parse(text, &builder);
  } catch (const nlohmann::json::exception& error) {
    throw Error(Kind::data, std::string(where) + ": not JSON: " + reason_of(error));
  }
  return builder.take();
}

Json read_json(const std::filesystem::path& path) {
  return parse_json(read_file(path), path.string());
}

std::string dump_json(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace hearth
