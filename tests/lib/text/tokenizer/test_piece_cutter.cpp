// SPDX-License-Identifier: Apache-2.0
// Cutting by masks against the scanners, which are its definition (and are tested against the regular expressions in
// test_scanners), on random text of every shape that matters; the masks against their own words; the cuts of bridges
// against a list of all pairs.
#include <random>
#include <set>

#include "lib/text/tokenizer/piece_cutter.h"
#include "tests/support/catch.h"

using namespace hearth::text;

namespace {

using Byte = const unsigned char*;

std::vector<std::size_t> ends_by_scanner(Pattern pattern, std::string_view text) {
  std::vector<std::size_t> ends;
  for (std::size_t at = 0; at < text.size();) ends.push_back(at = piece_end(pattern, text, at));
  return ends;
}

std::vector<std::size_t> ends_by_cutter(const PieceCutter& cutter, std::string_view text) {
  std::vector<std::size_t> all;
  const auto begin = reinterpret_cast<Byte>(text.data());
  Byte ends[PieceCutter::most_ends];
  for (Byte p = begin; p < begin + text.size();) {
    const std::size_t n = cutter.cut(text, p, ends);
    REQUIRE(n >= 1);
    REQUIRE(n <= PieceCutter::most_ends);
    for (std::size_t i = 0; i < n; ++i) all.push_back(static_cast<std::size_t>(ends[i] - begin));
    p = ends[n - 1];
  }
  return all;
}

const std::vector<std::string> scraps{"a",
                                      "the",
                                      "Word",
                                      "HTTPResponse",
                                      "camelCase",
                                      "x",
                                      "Q",
                                      "don't",
                                      "DON'T",
                                      "'s",
                                      "'S",
                                      "'ll",
                                      "'RE",
                                      "'ve",
                                      "'d",
                                      "'m",
                                      "'t",
                                      "'x",
                                      "'",
                                      "''",
                                      " ",
                                      " ",
                                      " ",
                                      "  ",
                                      "\t",
                                      "\n",
                                      "\n",
                                      "\n\n",
                                      "\r\n",
                                      "\v",
                                      "1",
                                      "12",
                                      "1234",
                                      "9999999",
                                      ".",
                                      ",",
                                      "!",
                                      "?!",
                                      "/",
                                      "//",
                                      "#",
                                      "_",
                                      "-->",
                                      "()",
                                      "\x01",
                                      "\x7f",
                                      std::string(70, 'a'),
                                      std::string(66, ' '),
                                      std::string(65, '\n'),
                                      std::string(64, '-'),
                                      std::string(63, '5')};
const std::vector<std::string> beyond_ascii{"é",      "ſ", "'ſ", "中文", "の",   "\u0301",
                                            "\u3000", "٣", "—",  "”",    "\xff", "\xe4\xb8"};

// One in `rarity` scraps is beyond ASCII; 0: none.
std::string random_text(std::mt19937& random, std::size_t n_scraps, unsigned rarity) {
  std::string text;
  for (std::size_t i = 0; i < n_scraps; ++i) {
    const bool beyond = rarity != 0 && random() % rarity == 0;
    const std::vector<std::string>& from = beyond ? beyond_ascii : scraps;
    text += from[random() % from.size()];
  }
  return text;
}

std::string random_bytes(std::mt19937& random, std::size_t n, std::string_view from) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) text += from[random() % from.size()];
  return text;
}

}  // namespace

TEST_CASE("masks cut as the scanners do") {
  std::mt19937 random(20261126);
  for (const NamedClassifier& classifier : all_ascii_classifiers()) {
    for (const PatternInfo& info : all_patterns()) {
      const PieceCutter cutter(info.pattern, nullptr, classifier.classify);
      for (int round = 0; round < 3000; ++round) {
        const unsigned rarity = round % 3 == 0 ? 0 : round % 3 == 1 ? 20 : 3;
        const std::string text = random_text(random, 20 + random() % 120, rarity);
        INFO(classifier.name << ", " << info.name << ": " << text);
        REQUIRE(ends_by_cutter(cutter, text) == ends_by_scanner(info.pattern, text));
      }
      for (const std::string_view alphabet :
           {"ab '", "aS't re", "a \n.", "a\n /.", "1 2a.", " \t\n\ra", "aB'sT", "'rRlLeE a"}) {
        for (int round = 0; round < 300; ++round) {
          const std::string text = random_bytes(random, 64 + random() % 200, alphabet);
          INFO(classifier.name << ", " << info.name << ": " << text);
          REQUIRE(ends_by_cutter(cutter, text) == ends_by_scanner(info.pattern, text));
        }
      }
    }
  }
}

TEST_CASE("the masks are the classes of bytes, with every instruction set") {
  std::mt19937 random(5);
  REQUIRE_FALSE(all_ascii_classifiers().empty());
  for (const NamedClassifier& classifier : all_ascii_classifiers()) {
    INFO(classifier.name);
    for (int round = 0; round < 100; ++round) {
      unsigned char bytes[mask_bytes];
      for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(random());
      AsciiMasks masks;
      classifier.classify(bytes, masks);
      for (unsigned i = 0; i < mask_bytes; ++i) {
        const unsigned c = bytes[i];
        const auto has = [&](std::uint64_t mask) { return (mask >> i & 1) != 0; };
        const bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
        CHECK(has(masks.letter) == (upper || lower));
        CHECK(has(masks.upper) == upper);
        CHECK(has(masks.digit) == (c >= '0' && c <= '9'));
        CHECK(has(masks.space) == (c == ' '));
        CHECK(has(masks.tab) == (c == 9 || c == 11 || c == 12));
        CHECK(has(masks.newline) == (c == 10 || c == 13));
        CHECK(has(masks.control) == (c == 127 || (c < 32 && !(c >= 9 && c <= 13))));
        CHECK(has(masks.high) == (c >= 128));
        CHECK(has(masks.apostrophe) == (c == '\''));
        CHECK(has(masks.slash) == (c == '/'));
      }
    }
  }
}

TEST_CASE("a piece is cut between characters that no token joins, and nowhere else") {
  Bridges bridges;
  for (const char* token : {"中文", "文字", "日本語", "のa", "\xe8\xaa\x9e\xe3", "\xad\xe5", "\x82のb"})
    bridges.add(token);
  const auto cuts_of = [&](std::string_view text) {
    std::set<std::size_t> cuts;
    const auto begin = reinterpret_cast<Byte>(text.data());
    bridges.for_each_cut(begin, begin + text.size(),
                         [&](Byte at) { cuts.insert(static_cast<std::size_t>(at - begin)); });
    return cuts;
  };
  CHECK(cuts_of("中文字") == std::set<std::size_t>{});
  CHECK(cuts_of("国字文") == std::set<std::size_t>{3, 6});
  CHECK(cuts_of("中日本語文") == std::set<std::size_t>{3, 12});
  CHECK(cuts_of("語の") == std::set<std::size_t>{});  // a token ends in the first byte of の
  CHECK(cuts_of("中国") == std::set<std::size_t>{});  // a token begins with the last byte of 中 and 国's first
  CHECK(cuts_of("国中") == std::set<std::size_t>{3});
  CHECK(cuts_of("あの") == std::set<std::size_t>{});          // a token begins with the last byte of あ
  CHECK(cuts_of("のaの") == std::set<std::size_t>{});         // never beside ASCII
  CHECK(cuts_of("中\xff字\xe4") == std::set<std::size_t>{});  // nor beside what is not UTF-8
}

TEST_CASE("a long piece without joined characters becomes at most as many pieces as there is room for") {
  Bridges bridges;
  bridges.add("ab");
  const PieceCutter cutter(Pattern::qwen2, &bridges);
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "中";
  const std::vector<std::size_t> ends = ends_by_cutter(cutter, text);
  CHECK(ends.size() > 250);
  CHECK(ends.back() == text.size());
}
