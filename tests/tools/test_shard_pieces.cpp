// SPDX-License-Identifier: Apache-2.0
// Pieces of shard that its command line shows badly: what the work folder keeps of a document, what cutting leaves,
// which samples are drawn.
#include "lib/base/error.h"
#include "lib/tools/shard_row.h"
#include "lib/tools/shard_samples.h"
#include "lib/tools/shard_write.h"
#include "tests/support/catch.h"

namespace hearth::tools::shard {
namespace {

Row some_row() {
  Row row;
  row.document.source = "docs/a.txt#3";
  row.document.type = "html";
  row.document.attributes = R"({"title":"x"})";
  row.encoding = "utf-8";
  row.repairs.controls = true;
  row.counts = {{"masked-email", 3}, {"masked-iban", 1ull << 40}};
  row.read_bytes = 300;
  row.path_hash = ~0ull;
  row.text_hash = {1ull << 63, 127};
  row.root = 2;
  row.rejection = {"too-short", "3 characters"};
  row.stage = 4;
  row.sizes = {{0, 128}, {4, 3}};
  row.sketches = {"", std::string("\0\xff", 2), std::string(300, 'x')};
  return row;
}

TEST_CASE("a row comes back from its bytes as it was, and a cut one is damaged") {
  const Row row = some_row();
  const std::string packed = row.packed();
  const Row back = Row::unpacked(packed);
  CHECK(back.packed() == packed);
  CHECK(back.document.source == row.document.source);
  CHECK(back.counts == row.counts);
  CHECK(back.text_hash == row.text_hash);
  CHECK(back.sketches == row.sketches);
  REQUIRE(back.rejection);
  CHECK(back.rejection->detail == "3 characters");
  CHECK(back.id() == row.id());
  for (std::size_t size = 0; size < packed.size(); ++size)
    CHECK_THROWS_AS(Row::unpacked(packed.substr(0, size)), Error);
  CHECK_THROWS_AS(Row::unpacked(packed + "x"), Error);
}

TEST_CASE("cutting leaves whole lines and at most one blank line") {
  struct Case {
    const char *text, *left;
    std::vector<text::Range> ranges;
  };
  const Case cases[] = {
      {"abc", "abc", {}},
      {"abcdef", "af", {{1, 3}, {2, 5}}},
      {"one\ntwo\nthree\n", "one\nthree\n", {{4, 8}}},
      {"one\n\ntwo\n\nthree\n", "one\n\nthree\n", {{5, 8}}},
      {"head\n\nbody\n", "body\n", {{0, 4}}},
      {"body\n\nfoot\n", "body\n\n", {{6, 11}}},
      {"abc", "", {{0, 3}}},
      {"abc", "abc", {{2, 2}}},
  };
  for (const Case& each : cases) {
    CAPTURE(each.text);
    CHECK(without(each.text, each.ranges) == each.left);
  }
  CHECK_THROWS_AS(without("abc", {{1, 4}}), Error);
}

TEST_CASE("samples are the same whatever the order, and never more than asked for") {
  Samples forward(1, 3), backward(1, 3), other(2, 3);
  for (int i = 0; i < 100; ++i) {
    const std::string a = std::to_string(i), b = std::to_string(99 - i);
    forward.offer("kept", a, "source " + a, "text", "", "text " + a);
    backward.offer("kept", b, "source " + b, "text", "", "text " + b);
    other.offer("kept", a, "source " + a, "text", "", "text " + a);
  }
  const auto sources = [](const Samples& samples) {
    std::vector<std::string> all;
    for (const Sample& sample : samples.of("kept")) all.push_back(sample.source);
    return all;
  };
  CHECK(sources(forward).size() == 3);
  CHECK(sources(forward) == sources(backward));
  CHECK(sources(forward) != sources(other));
  CHECK(forward.of("nothing").empty());
  Samples binary(1);
  binary.offer("not-text", "1", "s", "", "", "a\xff" + std::string(5000, 'b'));
  const std::string excerpt = binary.of("not-text").at(0).excerpt;
  CHECK(
      excerpt.starts_with("a\uFFFD"
                          "bbb"));
  CHECK(excerpt.size() < 1000);
}

}  // namespace
}  // namespace hearth::tools::shard
