// SPDX-License-Identifier: Apache-2.0
// The scanners against the regular expressions they stand for, on random text: every kind of character next to every
// other, invalid bytes included. Trusts unicode_classes (tested against ids made by `tokenizers` in test_tokenizer).
#include <random>

#include "lib/text/tokenizer/patterns.h"
#include "tests/lib/text/tokenizer/tiny_regex.h"
#include "tests/support/catch.h"

using namespace hearth::text;

namespace {

constexpr std::string_view gpt2_regex =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

std::vector<tiny::Regex> regexes_of(const PatternInfo& info) {
  std::vector<tiny::Regex> regexes;
  for (const std::string_view source : info.regexes) regexes.emplace_back(source);
  if (info.pattern == Pattern::gpt2) regexes.emplace_back(gpt2_regex);
  return regexes;
}

std::vector<std::string> pieces_of(Pattern pattern, std::string_view text) {
  std::vector<std::string> pieces;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = piece_end(pattern, text, begin);
    REQUIRE(end > begin);
    REQUIRE(end <= text.size());
    pieces.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  return pieces;
}

const std::vector<std::string> scraps{"a",
                                      "b",
                                      "Q",
                                      "Z",
                                      "HTTPResponse",
                                      "camelCase",
                                      "internationalisation",
                                      "don't",
                                      "'s",
                                      "'S",
                                      "'ll",
                                      "'RE",
                                      "'ve",
                                      "'d",
                                      "'m",
                                      "'x",
                                      "'",
                                      "ſ",
                                      "'ſ",
                                      " ",
                                      "  ",
                                      "\t",
                                      "\n",
                                      "\n\n",
                                      "\r",
                                      "\r\n",
                                      "\u3000",
                                      "\u00a0",
                                      "\u0085",
                                      "\u2028",
                                      "1",
                                      "12",
                                      "1234",
                                      "٣",
                                      "²",
                                      "Ⅷ",
                                      "½",
                                      "é",
                                      "e\u0301",
                                      "\u0301",
                                      "\u0301\u0302",
                                      "Ǆ",
                                      "ǅ",
                                      "ʰ",
                                      "ª",
                                      "ß",
                                      "İ",
                                      "中",
                                      "文字",
                                      "か",
                                      "カ",
                                      "ー",
                                      "・",
                                      "\u3099",
                                      "\u3097",
                                      "〇",
                                      "한",
                                      "ไ",
                                      "ि",
                                      "ا",
                                      "!",
                                      "?!",
                                      "/",
                                      "//",
                                      "#",
                                      "_",
                                      "-",
                                      "—",
                                      "€",
                                      "😀",
                                      "👨\u200d👩",
                                      "\u200d",
                                      "\ufeff",
                                      "\ufffd",
                                      "\x01",
                                      "\x7f",
                                      "ⓐ",
                                      "\ue000",
                                      "\u0378",
                                      "\xff",
                                      "\xc3",
                                      "\xe4\xb8",
                                      "\xed\xa0\x80",
                                      "\xc0\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf0\x9f\x98",
                                      "\x80",
                                      std::string(1, '\0'),
                                      std::string(17, 'a'),
                                      std::string(33, 'x') + "é",
                                      std::string(20, ' '),
                                      std::string(18, '-'),
                                      std::string(16, 'A')};

}  // namespace

TEST_CASE("each scanner cuts random text as its regular expression does") {
  std::mt19937 random(20260131);
  for (const PatternInfo& info : all_patterns()) {
    if (info.pattern == Pattern::none) continue;
    const std::vector<tiny::Regex> regexes = regexes_of(info);
    for (int round = 0; round < 4000; ++round) {
      std::string text;
      const std::size_t n = 1 + random() % 12;
      for (std::size_t i = 0; i < n; ++i) text += scraps[random() % scraps.size()];
      INFO(info.name << ": " << text);
      REQUIRE(pieces_of(info.pattern, text) == tiny::split(regexes, text));
    }
  }
}

TEST_CASE("each pair of scraps is cut as the regular expression does") {
  for (const PatternInfo& info : all_patterns()) {
    if (info.pattern == Pattern::none) continue;
    const std::vector<tiny::Regex> regexes = regexes_of(info);
    for (const std::string& first : scraps) {
      for (const std::string& second : scraps) {
        const std::string text = first + second;
        INFO(info.name << ": " << text);
        REQUIRE(pieces_of(info.pattern, text) == tiny::split(regexes, text));
      }
    }
  }
}

TEST_CASE("a pattern is found by name and by its expressions, and only then") {
  for (const PatternInfo& info : all_patterns()) {
    REQUIRE(pattern_by_name(info.name) == &info);
    if (info.regexes.empty()) continue;
    const std::vector<std::string> regexes(info.regexes.begin(), info.regexes.end());
    REQUIRE(pattern_by_regexes(regexes) == &info);
  }
  REQUIRE(pattern_by_name("gpt-5") == nullptr);
  CHECK_THROWS_WITH(pattern_named("gpt-5"), Catch::Contains("no pre-tokenizer gpt-5; there are "));
  REQUIRE(pattern_by_regexes(std::vector<std::string>{"\\w+"}) == nullptr);
  REQUIRE(pattern_by_regexes({}) == nullptr);
}

TEST_CASE("UTF-8 is decoded strictly") {
  struct Case {
    std::string_view bytes;
    std::uint32_t code_point;
    int length;
  };
  const std::vector<Case> cases{{"\xc2\x80", 0x80, 2},
                                {"\xdf\xbf", 0x7FF, 2},
                                {"\xe0\xa0\x80", 0x800, 3},
                                {"\xef\xbf\xbf", 0xFFFF, 3},
                                {"\xf0\x90\x80\x80", 0x10000, 4},
                                {"\xf4\x8f\xbf\xbf", 0x10FFFF, 4},
                                {"\xc1\xbf", invalid_code_point, 1},
                                {"\xe0\x9f\xbf", invalid_code_point, 1},
                                {"\xed\xa0\x80", invalid_code_point, 1},
                                {"\xf0\x8f\xbf\xbf", invalid_code_point, 1},
                                {"\xf4\x90\x80\x80", invalid_code_point, 1},
                                {"\xf5\x80\x80\x80", invalid_code_point, 1},
                                {"\xe4\xb8", invalid_code_point, 1},
                                {"\xbf", invalid_code_point, 1}};
  for (const Case& c : cases) {
    const auto* p = reinterpret_cast<const unsigned char*>(c.bytes.data());
    const Char got = decode_multibyte(p, p + c.bytes.size(), class_table());
    REQUIRE(got.code_point == c.code_point);
    REQUIRE(got.length == c.length);
  }
}
