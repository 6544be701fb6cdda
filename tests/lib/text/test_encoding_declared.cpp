// SPDX-License-Identifier: Apache-2.0
// Declared charsets. The bytes are those of Python's codecs, which are not iconv's.
#include <string>

#include "lib/text/encoding.h"
#include "tests/support/catch.h"

namespace hearth::text {
namespace {

TEST_CASE("Declared charsets are found") {
  struct Case {
    const char *text, *charset;
  };
  const Case cases[] = {
      {"<html><head><meta charset=\"Windows-1251\">", "windows-1251"},
      {"<META http-equiv=Content-Type content='text/html; charset=KOI8-R'>", "koi8-r"},
      {"<?xml version='1.0' encoding='ISO-8859-2'?>", "iso-8859-2"},
      {"#!/usr/bin/python\n# -*- coding: euc-jp -*-\n", "euc-jp"},
      {"a\nb\n# coding: euc-jp\n", ""},
      {"charset=koi8-r", ""},
      {"<meta", ""},
      {"", ""},
  };
  for (const Case& each : cases) CHECK(declared_charset(each.text) == each.charset);
}

TEST_CASE("Declared charsets are decoded") {
  struct Case {
    const char *charset, *bytes, *text;
  };
  const Case cases[] = {
      {"windows-1251", "\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"},
      {"KOI8-R", "\xf0\xd2\xc9\xd7\xc5\xd4", "Привет"},
      {"iso-8859-2",
       "\xb3\xf3"
       "d\xbc",
       "łódź"},
      {"Shift_JIS", "\x93\xfa\x96\x7b", "日本"},
      {"euc-jp", "\xc6\xfc\xcb\xdc", "日本"},
      {"iso-2022-jp", "\x1b$BF|K\\\x1b(B", "日本"},
      {"gb2312", "\xc4\xe3\xba\xc3", "你好"},
      {"big5", "\xa7\x41\xa6\x6e", "你好"},
      {"euc-kr", "\xc7\xd1\xb1\xdb", "한글"},
      {"ISO-8859-1",
       "\x93"
       "caf\xe9\x94",
       "“café”"},
      {"utf-8", "caf\xc3\xa9", "café"},
  };
  for (const Case& each : cases) {
    INFO(each.charset);
    Decoded decoded;
    REQUIRE(!decode_as(each.charset, each.bytes, decoded));
    CHECK(decoded.text == each.text);
  }
  Decoded decoded;
  CHECK(decode_as("x-own", "abc", decoded)->reason == "unknown-encoding");
  CHECK(decode_as("iso-2022-cn-ext", "abc", decoded)->reason == "unknown-encoding");
  CHECK(decode_as("euc-jp", "\xff\xff\xff", decoded)->reason == "unknown-encoding");
}

TEST_CASE("A file that declares its charset is read by it, when it is not UTF-8") {
  Decoded decoded;
  REQUIRE(!decode("<meta charset=windows-1251>\xcf\xf0\xe8\xe2\xe5\xf2", decoded));
  CHECK(decoded.text == "<meta charset=windows-1251>Привет");
  CHECK(decoded.charset == "windows-1251");
  decoded = {};
  REQUIRE(!decode("<meta charset=windows-1251>Привет", decoded));  // it lies
  CHECK(decoded.text == "<meta charset=windows-1251>Привет");
  CHECK(decoded.encoding == Encoding::utf8);
}

TEST_CASE("A file that calls itself UTF-8 and is not quite is read as files that say nothing are") {
  for (const char* head : {"# coding: utf-8\n", "<meta charset=\"UTF8\">\n", "<?xml encoding=\"utf-8\"?>\n"}) {
    Decoded decoded;
    REQUIRE(!decode(std::string(head) + "caf\xe9 and tea", decoded));
    CHECK(decoded.text == std::string(head) + "caf\u00e9 and tea");
  }
}

}  // namespace
}  // namespace hearth::text
