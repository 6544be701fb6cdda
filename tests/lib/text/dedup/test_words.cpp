// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/words.h"

#include <set>
#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace hearth::text::dedup {
namespace {

struct Hashes {
  std::vector<std::uint64_t> exact, numberless;
};

Hashes hashes_of(const std::string& text) {
  Hashes hashes;
  FoldedWords words(text);
  for (Word word; words.next(word);) hashes.exact.push_back(word.exact), hashes.numberless.push_back(word.numberless);
  return hashes;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> found;
  FoldedWords words(text);
  for (Word word; words.next(word);) {
    found.push_back(text.substr(word.begin, word.end - word.begin) + (word.number ? "#" : "") + (word.wide ? "~" : ""));
  }
  return found;
}

std::vector<std::string> tokens_of(const std::string& text) {
  std::vector<std::string> found;
  Tokens tokens(text);
  for (Token token; tokens.next(token);) found.push_back(text.substr(token.begin, token.end - token.begin));
  return found;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("words are split where a reader would") {
  CHECK(words_of("") == Strings{});
  CHECK(words_of(" .,;-\n") == Strings{});
  CHECK(words_of("Hello, world!") == Strings{"Hello", "world"});
  CHECK(words_of("don't (12.50)") == Strings{"don't", "12#", "50#"});
  CHECK(words_of("'quoted'") == Strings{"quoted"});
  CHECK(words_of("日本 x語") == Strings{"日~", "本~", "x", "語~"});
  CHECK(words_of("ไทย") == Strings{"ไ~", "ท~", "ย~"});
  CHECK(words_of("한국어 텍스트") == Strings{"한국어", "텍스트"});
  CHECK(words_of("naïve cafe\u0301 ok") == Strings{"naïve", "cafe\u0301", "ok"});
  CHECK(words_of("हिन्दी में") == Strings{"हिन्दी", "में"});
}

TEST_CASE("words of one spelling in another dress have one hash") {
  const auto same = [](const char* a, const char* b) { return hashes_of(a).exact == hashes_of(b).exact; };
  CHECK(same("Ärger, CAFÉ", "arger cafe"));
  CHECK(same("cafe\u0301", "CAFÉ"));
  CHECK(same("don't don’t", "dont dont"));
  CHECK(same("ＡＢＣ１", "abc1"));
  CHECK(same("Ελλάδα", "ελλαδα"));
  CHECK(!same("page 12", "page 13"));
  CHECK(!same("ab c", "a bc"));
  CHECK(!same("कि", "की"));  // vowels of Hindi are no diacritics
  CHECK(hashes_of("page 12 b7").numberless == hashes_of("page 1388 b123").numberless);
  CHECK(hashes_of("page 12").numberless != hashes_of("page x").numberless);
}

TEST_CASE("hashes of different words differ") {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 100'000; ++i) seen.insert(hashes_of("w" + std::to_string(i)).exact.at(0));
  CHECK(seen.size() == 100'000);
}

TEST_CASE("tokens stand between white space as they are spelt, and ideographs alone") {
  CHECK(tokens_of(" \n") == Strings{});
  CHECK(tokens_of("a, b\t(C)\r\n") == Strings{"a,", "b", "(C)"});
  CHECK(tokens_of("日本x語 é") == Strings{"日", "本", "x", "語", "é"});
  Tokens one("word Word word");
  Token a, b, c;
  REQUIRE((one.next(a) && one.next(b) && one.next(c)));
  CHECK(a.hash == c.hash);
  CHECK(a.hash != b.hash);
  CHECK(!one.next(a));
}

}  // namespace hearth::text::dedup
