// SPDX-License-Identifier: Apache-2.0
#include "lib/text/quality/stop_words.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace hearth::text {
namespace {

constexpr std::pair<std::string_view, std::string_view> lists[] = {
    {"en", "the be to of and that have with"},
    {"de", "der die und das von zu mit ist"},
    {"fr", "le la de et les des est pour"},
    {"es", "el la de que y en los para"},
    {"it", "il la di che e per un con"},
    {"pt", "o a de que e do para com"},
    {"nl", "de het een van en in is met"},
    {"sv", "och att det som en på är för"},
    {"da", "og at det som en på er for"},
    {"no", "og at det som en på er for"},
    {"fi", "ja on ei se että oli kun myös"},
    {"pl", "w i na z do się nie jest"},
    {"cs", "a v na se je že s pro"},
    {"sk", "a v na sa je že s pre"},
    {"sl", "in je v na za se da so"},
    {"hr", "i je u na za se da su"},
    {"ro", "și de în la a cu este pe"},
    {"hu", "a az és hogy nem egy is van"},
    {"ru", "и в на не с что по для"},
    {"uk", "і в на не з що до для"},
    {"bg", "и в на не с за се да"},
    {"el", "και το να του η της για με"},
    {"tr", "ve bir bu için ile da de olarak"},
    {"id", "yang dan di untuk dengan dari ini tidak"},
    {"ca", "el la de i que els per amb"},
};

}  // namespace

std::string_view stop_words(std::string_view language) {
  for (const auto& [name, list] : lists) {
    if (name == language) return list;
  }
  return {};
}

int count_stop_words(std::string_view list, const std::vector<Word>& words) {
  constexpr std::size_t most = 16;
  std::array<std::uint64_t, most> hashes{};
  std::uint64_t filter = 0;  // a bit of each hash: most other words are seen to be none by it
  std::size_t n = 0;
  while (!list.empty() && n < most) {
    const std::size_t end = std::min(list.find(' '), list.size());
    hashes[n] = hash_word(list.substr(0, end));
    filter |= std::uint64_t{1} << (hashes[n] & 63u);
    ++n;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  unsigned found = 0, all = (1u << n) - 1;
  int count = 0;
  for (const Word& word : words) {
    if ((filter >> (word.hash & 63u) & 1u) == 0) continue;
    for (std::size_t i = 0; i < n; ++i) {
      if (hashes[i] != word.hash || (found >> i & 1u)) continue;
      found |= 1u << i;
      ++count;
    }
    if (found == all) break;
  }
  return count;
}

}  // namespace hearth::text
