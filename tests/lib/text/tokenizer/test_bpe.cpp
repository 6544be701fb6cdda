// SPDX-License-Identifier: Apache-2.0
// The search for what merging would give, against merging, and merging against the rule read literally, on random merge
// lists: as trainers make them, and with rules that come before those of their parts, or make one token in several
// ways.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "lib/text/tokenizer/bpe.h"
#include "tests/support/catch.h"

using namespace hearth::text;

namespace {

struct Vocabulary {
  std::vector<std::uint32_t> byte_ids;
  std::vector<std::string> tokens;
  std::vector<Merge> merges;
};

// n random merges of what is there; `mess` of a hundred change their place with an earlier one.
Vocabulary random_vocabulary(std::mt19937& random, std::size_t n, unsigned mess) {
  Vocabulary v;
  for (unsigned byte = 0; byte < 256; ++byte) {
    v.byte_ids.push_back(byte);
    v.tokens.emplace_back(1, static_cast<char>(byte));
  }
  std::vector<std::uint32_t> usable{'a', 'b', 'c', 0xE4, 0xB8};
  std::set<std::pair<std::uint32_t, std::uint32_t>> known;
  while (v.merges.size() < n) {
    const std::uint32_t left = usable[random() % usable.size()], right = usable[random() % usable.size()];
    if (v.tokens[left].size() + v.tokens[right].size() > 40 || !known.emplace(left, right).second) continue;
    const std::string made = v.tokens[left] + v.tokens[right];
    auto id = static_cast<std::uint32_t>(std::find(v.tokens.begin(), v.tokens.end(), made) - v.tokens.begin());
    if (id == v.tokens.size()) {
      v.tokens.push_back(made);
      usable.push_back(id);
    }
    v.merges.push_back({left, right, id});
  }
  for (std::size_t i = 1; i < n; ++i) {
    if (random() % 100 < mess) std::swap(v.merges[i], v.merges[random() % i]);
  }
  return v;
}

// While any two neighbours have a rule, the pair of lowest rank, and of these the leftmost, becomes one token.
std::vector<std::uint32_t> merged_literally(const Vocabulary& v, std::string_view piece) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> ranks;
  for (std::size_t rank = 0; rank < v.merges.size(); ++rank) ranks[{v.merges[rank].left, v.merges[rank].right}] = rank;
  std::vector<std::uint32_t> ids;
  for (const char c : piece) ids.push_back(v.byte_ids[static_cast<unsigned char>(c)]);
  for (;;) {
    std::size_t lowest = v.merges.size(), at = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = ranks.find({ids[i], ids[i + 1]});
      if (found != ranks.end() && found->second < lowest) lowest = ranks.at({ids[at = i], ids[i + 1]});
    }
    if (lowest == v.merges.size()) return ids;
    ids[at] = v.merges[lowest].result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

}  // namespace

TEST_CASE("the search finds what merging makes") {
  std::mt19937 random(20261127);
  for (int round = 0; round < 300; ++round) {
    const Vocabulary v = random_vocabulary(random, 1 + random() % 120, round % 3 == 0 ? 0 : round % 3 == 1 ? 5 : 50);
    const Bpe bpe(v.byte_ids, v.merges, v.tokens, false);
    for (int i = 0; i < 100; ++i) {
      std::string piece;
      const std::size_t n = 1 + random() % (i % 10 == 0 ? 400 : 60);
      while (piece.size() < n) piece += i % 2 == 0 ? std::string(1, "abc\xE4\xB8"[random() % 5]) : v.tokens.back();
      std::vector<std::uint32_t> searched, merged;
      bpe.encode(piece, searched);
      bpe.merge(piece, merged);
      INFO("round " << round << ": " << piece);
      REQUIRE(searched == merged);
      if (piece.size() < 70) REQUIRE(merged == merged_literally(v, piece));
    }
  }
}

TEST_CASE("a whole piece that is a token is that token where the file says so") {
  const std::vector<Merge> merges{{'a', 'b', 256}};
  std::vector<std::uint32_t> bytes(256);
  std::vector<std::string> tokens(256);
  for (unsigned byte = 0; byte < 256; ++byte) tokens[bytes[byte] = byte] = std::string(1, static_cast<char>(byte));
  tokens.emplace_back("ab");
  tokens.emplace_back("bc");  // no merge makes it
  using Ids = std::vector<std::uint32_t>;
  Ids ids;
  const Bpe plain(bytes, merges, tokens, false), whole(bytes, merges, tokens, true);
  plain.encode("bc", ids);
  CHECK(ids == Ids{'b', 'c'});
  whole.encode("bc", ids);
  CHECK(ids == Ids{'b', 'c', 257});
  whole.encode("bcd", ids);
  CHECK(ids == Ids{'b', 'c', 257, 'b', 'c', 'd'});
  CHECK(whole.is_whole_only(257));
  CHECK_FALSE(whole.is_whole_only(256));
}
