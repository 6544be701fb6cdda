// SPDX-License-Identifier: Apache-2.0
// Added tokens in random text, against looking for each of them at each place.
#include "lib/text/tokenizer/added_tokens.h"

#include <random>

#include "tests/support/catch.h"

using namespace hearth::text;

namespace {

// The same as split gives, as one text: "[id]" for a token, the text between as it is.
std::string split_literally(const std::vector<AddedToken>& tokens, std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const AddedToken* longest = nullptr;
    for (const AddedToken& token : tokens) {
      if (text.starts_with(token.content) && (longest == nullptr || token.content.size() > longest->content.size()))
        longest = &token;
    }
    out += longest != nullptr ? "[" + std::to_string(longest->id) + "]" : std::string(text.substr(0, 1));
    text.remove_prefix(longest != nullptr ? longest->content.size() : 1);
  }
  return out;
}

std::vector<AddedToken> tokens_of(const std::vector<std::string>& contents) {
  std::vector<AddedToken> tokens;
  for (const std::string& content : contents) {
    AddedToken token{static_cast<std::uint32_t>(tokens.size()), content};
    token.special = token.normalized = false;
    tokens.push_back(token);
  }
  return tokens;
}

}  // namespace

TEST_CASE("added tokens are found wherever they stand, whatever they begin with", "[tokenizer]") {
  const std::vector<std::vector<std::string>> vocabularies{
      {"<a>"},
      {"<a>", "<ab>", "<"},
      {"<a>", "\xEF\xBD\x9C", "</a>"},
      {"<a>", "aa", "b<", "\xEF\xBD"},
      {"<a", "ab", "b", "/>", "\xEF", "\xBD\x9C"},
  };
  std::mt19937 random(5);
  for (const std::vector<std::string>& contents : vocabularies) {
    const std::vector<AddedToken> tokens = tokens_of(contents);
    const AddedTokenFinder finder(tokens, false, false, false);
    for (int i = 0; i < 3000; ++i) {
      std::string text, found;
      for (std::size_t n = random() % 60; text.size() < n;) {
        text += random() % 4 == 0 ? contents[random() % contents.size()]
                                  : std::string(1 + random() % 20, "<>/abx\xEF\xBD"[random() % 8]);
      }
      finder.split(
          text, [&](std::uint32_t id) { found += "[" + std::to_string(id) + "]"; },
          [&](std::string_view stretch) { found += stretch; });
      INFO(text);
      REQUIRE(found == split_literally(tokens, text));
    }
  }
}
