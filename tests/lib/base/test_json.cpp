// SPDX-License-Identifier: Apache-2.0
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "tests/lib/base/sample_command.h"
#include "tests/support/catch.h"

using namespace hearth;

namespace {

template <class Body>
std::string data_error(Body body) {
  try {
    body();
  } catch (const Error& error) {
    CHECK(error.kind() == Kind::data);
    return error.what();
  }
  return "(no error)";
}

std::string parse_error(std::string_view text) {
  return data_error([&] { parse_json(text, "f.json"); });
}

}  // namespace

TEST_CASE("what is not JSON is told the line and column") {
  CHECK(parse_error("").starts_with("f.json: line 1, column 1: not JSON: "));
  CHECK(parse_error("{\n  \"a\": 1,\n  \"b\" 2\n}").starts_with("f.json: line 3, column 7: not JSON: "));
  CHECK(parse_error("[1, 2").starts_with("f.json: line 1, column 6: not JSON: "));
  CHECK(parse_error("{\"a\": 1} x").starts_with("f.json: line 1, column 10: not JSON: "));
  CHECK(parse_error("[\"\xff\"]").starts_with("f.json: line 1, column 3: not JSON: "));
  CHECK(parse_error("1e999").starts_with("f.json: "));
  CHECK(parse_error("{\"a\": 1, \"b\": {\"a\": 2}, \"a\": 3}") == "f.json: the key 'a' stands twice in one object");
  CHECK(parse_error("[{\"a\": 1}, {\"a\": 2}]") == "(no error)");
}

TEST_CASE("long lists and large objects take time in proportion, and a key that stands twice is found in them") {
  std::string list = "[", object = "{";
  for (int i = 0; i < 200000; ++i) {
    list += (i > 0 ? ", {\"i\": " : "{\"i\": ") + std::to_string(i) + "}";
    object += (i > 0 ? ", \"k" : "\"k") + std::to_string(i) + "\": " + std::to_string(i);
  }
  const Json many = parse_json(list + "]", "t"), large = parse_json(object + "}", "t");
  REQUIRE(many.size() == 200000);
  CHECK(many.back() == Json{{"i", 199999}});
  REQUIRE(large.size() == 200000);
  CHECK(large.begin().key() == "k0");
  CHECK(large.back() == Json(199999));
  for (const std::string key : {"k0", "k15", "k16", "k17", "k199999"}) {
    CHECK(parse_error(object + ", \"" + key + "\": 1}") == "f.json: the key '" + key + "' stands twice in one object");
  }
}

TEST_CASE("deep nesting neither crashes nor is accepted in silence") {
  const auto lists = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(dump_json(parse_json(lists(1000), "t")) == lists(1000));
  CHECK(parse_error("[" + lists(999) + ", {}]") == "(no error)");  // side by side is not deeper
  CHECK(parse_error(lists(1001)) == "f.json: nested deeper than 1000");
  CHECK(parse_error(std::string(200000, '[')) == "f.json: nested deeper than 1000");
  std::string objects;
  for (int i = 0; i < 200000; ++i) objects += "{\"a\":";
  CHECK(parse_error(objects) == "f.json: nested deeper than 1000");
}

TEST_CASE("keys keep their order; invalid UTF-8 is written as U+FFFD") {
  CHECK(dump_json(parse_json(R"({"z": 1, "a": [true, null, "x"]})", "t")) == R"({"z":1,"a":[true,null,"x"]})");
  CHECK(dump_json(Json("a\xff z")) == "\"a\xEF\xBF\xBD z\"");
}

TEST_CASE("numbers survive a round trip bit for bit") {
  for (const double value : {0.1, 1e-300, 5e-324, 1.7976931348623157e308, -0.0, 123456789.125}) {
    CHECK(parse_json(dump_json(Json(value)), "t").get<double>() == value);
  }
  CHECK(parse_json("18446744073709551615", "t").get<std::uint64_t>() == 18446744073709551615u);
}

TEST_CASE("a value is read only as what it is") {
  const Json value = parse_json(
      R"({"n": 3, "whole": 4.0, "f": 4.5, "big": 4294967296, "minus": -1, "b": true, "s": "text", "null": null, "list": [1, 2]})",
      "c.json");
  CHECK(json_get<int>(value, "n", "c.json") == 3);
  CHECK(json_get<int>(value, "whole", "c.json") == 4);
  CHECK(json_get<double>(value, "n", "c.json") == 3.0);
  CHECK(json_get<std::int64_t>(value, "big", "c.json") == 4294967296);
  CHECK(json_get<bool>(value, "b", "c.json"));
  CHECK(json_get<std::string>(value, "s", "c.json") == "text");
  CHECK(json_get<std::vector<int>>(value, "list", "c.json") == std::vector<int>{1, 2});
  const std::string wrong = " has the wrong type: ";
  CHECK(data_error([&] { json_get<int>(value, "f", "c.json"); }) == "c.json: 'f'" + wrong + "4.5");
  CHECK(data_error([&] { json_get<int>(value, "big", "c.json"); }) == "c.json: 'big'" + wrong + "4294967296");
  CHECK(data_error([&] { json_get<std::uint32_t>(value, "minus", "c.json"); }) == "c.json: 'minus'" + wrong + "-1");
  CHECK(data_error([&] { json_get<int>(value, "b", "c.json"); }) == "c.json: 'b'" + wrong + "true");
  CHECK(data_error([&] { json_get<double>(value, "b", "c.json"); }) == "c.json: 'b'" + wrong + "true");
  CHECK(data_error([&] { json_get<bool>(value, "n", "c.json"); }) == "c.json: 'n'" + wrong + "3");
  CHECK(data_error([&] { json_get<int>(value, "s", "c.json"); }) == "c.json: 's'" + wrong + "\"text\"");
  CHECK(data_error([&] { json_get<int>(value, "none", "c.json"); }) == "c.json: 'none' is missing");
  CHECK(data_error([&] { json_get<int>(Json(1), "n", "c.json"); }) == "c.json: 'n' is missing");
  CHECK(json_get_or<int>(value, "none", "c.json", 7) == 7);
  CHECK(json_get_or<int>(value, "null", "c.json", 7) == 7);
  CHECK(json_get_or<int>(value, "n", "c.json", 7) == 3);
  CHECK(data_error([&] { json_get_or<int>(value, "s", "c.json", 7); }) == "c.json: 's'" + wrong + "\"text\"");
}

TEST_CASE("a file's error names the file") {
  const TemporaryFolder folder;
  write_file(folder / "x.json", "{");
  CHECK(data_error([&] {
          read_json(folder / "x.json");
        }).starts_with((folder / "x.json").string() + ": line 1, column 2"));
}
