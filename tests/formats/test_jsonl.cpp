// SPDX-License-Identifier: Apache-2.0
#include "formats/jsonl.h"

#include "lib/base/json_value.h"
#include "lib/base/machine.h"
#include "tests/formats/support.h"
#include "tests/support/catch.h"

using namespace hearth;
using namespace hearth::formats;

namespace {

std::vector<std::string> lines_of(const fs::path& path, std::uint64_t max_line_bytes = 1000) {
  LineReader reader(path, max_line_bytes);
  std::vector<std::string> lines;
  for (Line line; reader.next(line);) lines.push_back(std::string(line.text) + (line.too_long ? "..." : ""));
  return lines;
}

}  // namespace

TEST_CASE("lines end in \\n or \\r\\n or with the file, and know their number and place") {
  const TemporaryFolder folder;
  const fs::path path = folder / "lines";
  const auto lines = [&](std::string_view text) {
    write_file(path, text);
    return lines_of(path);
  };
  using Lines = std::vector<std::string>;
  CHECK(lines("").empty());
  CHECK(lines("\n") == Lines{""});
  CHECK(lines("a") == Lines{"a"});
  CHECK(lines("a\n") == Lines{"a"});
  CHECK(lines("a\r\nb\n\nc") == Lines{"a", "b", "", "c"});
  CHECK(lines("\xef\xbb\xbf{}\n") == Lines{"{}"});

  write_file(path, "first\nsecond\r\nthird");
  LineReader reader(path);
  Line line;
  const std::string all = read_file(path);
  for (std::uint64_t number = 1; number <= 3; ++number) {
    REQUIRE(reader.next(line));
    CHECK(line.number == number);
    CHECK(all.substr(line.offset, line.bytes) == line.text);
  }
  CHECK_FALSE(reader.next(line));
}

TEST_CASE("lines across every border of the reader's buffer") {
  const TemporaryFolder folder;
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; text.size() < (3u << 20); ++i) {
    expected.push_back(std::string(static_cast<std::size_t>(i * 7919 % 900), static_cast<char>('a' + i % 26)));
    text += expected.back() + "\n";
  }
  write_file(folder / "lines", text);
  CHECK(lines_of(folder / "lines") == expected);
}

TEST_CASE("a line longer than allowed is cut, counted and passed over") {
  const TemporaryFolder folder;
  const std::string just(1000, 'y'), over(1001, 'z'), huge(5u << 20, 'x');
  write_file(folder / "lines", "a\n" + huge + "\nb\n" + over + "\n" + just + "\r\n" + huge);
  LineReader reader(folder / "lines", 1000);
  std::vector<std::uint64_t> sizes;
  std::vector<bool> too_long;
  for (Line line; reader.next(line);) {
    sizes.push_back(line.bytes);
    too_long.push_back(line.too_long);
    CHECK(line.text.size() <= 1000);
    if (line.number == 2) CHECK(line.text == huge.substr(0, 200));
    if (line.number == 3) CHECK(line.offset == 2 + huge.size() + 1);
  }
  CHECK(sizes == std::vector<std::uint64_t>{1, 5u << 20, 1, 1001, 1000, 5u << 20});
  CHECK(too_long == std::vector<bool>{false, true, false, true, false, true});
}

TEST_CASE("a line of a gigabyte costs neither the memory nor the lines after it") {
  const TemporaryFolder folder;
  {
    TextWriter writer(folder / "big.jsonl.zst", false, 1);
    const std::string piece(16u << 20, 'x');
    for (int i = 0; i < 64; ++i) writer.write(piece);
    writer.write("\n{\"n\": 1}\n");
    writer.commit();
  }
  const std::uint64_t before = peak_memory_bytes();
  LineReader reader(folder / "big.jsonl.zst", 1u << 20);
  Line line;
  Json value;
  std::string reason;
  REQUIRE(reader.next(line));
  CHECK(line.bytes == 1u << 30);
  CHECK(parse_line(line, value, reason) == LineState::too_long);
  CHECK(reason == "1 GiB long, more than a line may be");
  REQUIRE(reader.next(line));
  CHECK(parse_line(line, value, reason) == LineState::record);
  CHECK(value == Json{{"n", 1}});
  CHECK(peak_memory_bytes() < before + (64u << 20));
}

TEST_CASE("what became of a line") {
  const auto state_of = [](std::string_view text, std::string& reason) {
    Json value;
    return parse_line(Line{1, 0, text.size(), text, false}, value, reason);
  };
  std::string reason;
  CHECK(state_of(R"({"text": "a"})", reason) == LineState::record);
  CHECK(state_of("  [1, 2]  ", reason) == LineState::record);
  CHECK(state_of("", reason) == LineState::blank);
  CHECK(state_of(" \t ", reason) == LineState::blank);
  const std::vector<std::pair<std::string, std::string>> broken{{R"({"text": "a)", "column 12: not JSON: "},
                                                                {R"({"a": 1} x)", "column 10: not JSON: "},
                                                                {"{\"a\": \"\xff\"}", "column 8: not JSON: "},
                                                                {R"({"a": 1, "a": 2})", "the key 'a' stands twice"},
                                                                {"nonsense", "column "}};
  for (const auto& [text, beginning] : broken) {
    INFO(text);
    CHECK(state_of(text, reason) == LineState::broken);
    INFO(reason);
    CHECK(reason.starts_with(beginning));
  }
}

TEST_CASE("what the writer writes the reader reads, plain and zstd") {
  const TemporaryFolder folder;
  for (const char* name : {"a.jsonl", "a.jsonl.zst"}) {
    JsonlWriter writer(folder / name, false);
    for (int i = 0; i < 1000; ++i) writer.write(Json{{"n", i}, {"text", "tab\t\"quoted\" \n line \xc3\xa9"}});
    writer.commit();
    LineReader reader(folder / name);
    int n = 0;
    std::string reason;
    for (Line line; reader.next(line); ++n) {
      Json value;
      REQUIRE(parse_line(line, value, reason) == LineState::record);
      REQUIRE(value == Json{{"n", n}, {"text", "tab\t\"quoted\" \n line \xc3\xa9"}});
    }
    CHECK(n == 1000);
  }
}
