// SPDX-License-Identifier: Apache-2.0
#include "lib/infer/utf8_stream.h"

#include <string>

#include "tests/support/catch.h"

using hearth::infer::Utf8Stream;

TEST_CASE("text cut between any two bytes comes out whole, never with half a character") {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";  // a, e acute, euro, emoji, z
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Utf8Stream stream;
    const std::string first = stream.push(text.substr(0, cut)), second = stream.push(text.substr(cut));
    CHECK(first + second == text);
    CHECK(stream.finish().empty());
    if (!second.empty()) CHECK((static_cast<unsigned char>(second.front()) & 0xC0) != 0x80);
  }
}

TEST_CASE("invalid pieces become one U+FFFD each, as the Unicode standard counts them") {
  const std::string bad = "\xEF\xBF\xBD";
  // The standard's own example (Unicode 15, table 3-11): 61 F1 80 80 E1 80 C2 62 80 63 80 BF 64
  Utf8Stream stream;
  const std::string out = stream.push("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64");
  CHECK(out == "a" + bad + bad + bad + "b" + bad + "c" + bad + bad + "d");
  for (const char* surrogate_or_overlong : {"\xED\xA0\x80", "\xE0\x80\x80"}) {
    CHECK(Utf8Stream().push(surrogate_or_overlong) == bad + bad + bad);
  }
  CHECK(Utf8Stream().push("\xF5\xFF") == bad + bad);
}

TEST_CASE("what stays incomplete at the end becomes one U+FFFD") {
  Utf8Stream stream;
  CHECK(stream.push("x\xF0\x9F\x98") == "x");
  CHECK(stream.finish() == "\xEF\xBF\xBD");
  CHECK(stream.finish().empty());
}
