// SPDX-License-Identifier: Apache-2.0
#include "lib/base/text.h"

#include <limits>

#include "tests/support/catch.h"

using namespace hearth;
using Words = std::vector<std::string>;

TEST_CASE("split keeps empty parts; join undoes it; trim takes white space off both ends") {
  CHECK(split("a,,b", ',') == Words{"a", "", "b"});
  CHECK(split("", ',') == Words{""});
  CHECK(join(split("a,,b", ','), ",") == "a,,b");
  CHECK(join(Words{}, ",") == "");
  CHECK(trim(" \t a b\r\n") == "a b");
  CHECK(trim(" \n ") == "");
}

TEST_CASE("the nearest word, when it can be a slip") {
  const Words known{"steps", "seed", "threads"};
  CHECK(nearest_word("stpes", known) == "steps");
  CHECK(nearest_word("thread", known) == "threads");
  CHECK(nearest_word("banana", known) == std::nullopt);
  CHECK(nearest_word("", Words{}) == std::nullopt);
}

TEST_CASE("quantities for people never show an exponent") {
  const std::pair<double, const char*> bytes[] = {{0, "0 B"}, {1023, "1023 B"}, {1024, "1 KiB"}, {1536, "1.5 KiB"},
      {1023.4 * 1024, "1023 KiB"}, {1023.7 * 1024, "1 MiB"}, {12.34 * 1048576, "12.3 MiB"}, {-2048, "-2 KiB"}, {1e18, "888 PiB"}, {1e20, "88818 PiB"}};
  for (const auto& [value, text] : bytes) CHECK(human_bytes(value) == text);
  const std::pair<double, const char*> counts[] = {{7, "7"}, {999, "999"}, {1000, "1 k"}, {999700, "1 M"}, {999400, "999 k"}, {12.3e6, "12.3 M"}, {1.26e9, "1.26 G"}};
  for (const auto& [value, text] : counts) CHECK(human_count(value) == text);
  const std::pair<double, const char*> seconds[] = {{0.0042, "4.2 ms"}, {0.9994, "999 ms"}, {0.9999, "1 s"}, {12.34, "12.3 s"},
      {119.6, "120 s"}, {125, "2 min 05 s"}, {7500, "2 h 05 min"}, {std::numeric_limits<double>::infinity(), "unknown"}};
  for (const auto& [value, text] : seconds) CHECK(human_seconds(value) == text);
  CHECK(format_number(0.123456789, 3) == "0.123");
}

TEST_CASE("tables align quantities right, words left, and count characters, not bytes") {
  TextTable table({"name", "size", "share"});
  table.add({"caf\xC3\xA9", "12.3 MiB", "-"});
  table.add({"b", "7 B", "0.5"});
  CHECK(table.text() ==
        "name      size  share\n"
        "caf\xC3\xA9  12.3 MiB      -\n"
        "b          7 B    0.5\n");
  CHECK(TextTable({"alone"}).text() == "alone\n");
  CHECK(TextTable({}).text() == "\n");
}
