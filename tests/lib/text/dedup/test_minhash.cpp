// SPDX-License-Identifier: Apache-2.0
// MinHash against its theory, with true Jaccard similarities counted on sets of strings.
#include "lib/text/dedup/minhash.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "lib/base/rng.h"
#include "tests/support/catch.h"

namespace hearth::text::dedup {
namespace {

using Words = std::vector<std::string>;

std::string joined(const Words& words) {
  std::string text;
  for (const std::string& word : words) text.append(word).append(1, ' ');
  return text;
}

double true_similarity(const Words& a, const Words& b) {
  std::set<Words> sets[2], both;
  for (int side = 0; side < 2; ++side) {
    const Words& words = side == 0 ? a : b;
    for (std::size_t i = 0; i + words_per_shingle <= words.size(); ++i) {
      const auto begin = words.begin() + static_cast<std::ptrdiff_t>(i);
      sets[side].emplace(begin, begin + words_per_shingle);
    }
  }
  std::set_intersection(sets[0].begin(), sets[0].end(), sets[1].begin(), sets[1].end(),
                        std::inserter(both, both.begin()));
  return static_cast<double>(both.size()) / static_cast<double>(sets[0].size() + sets[1].size() - both.size());
}

std::string word(Rng& rng) {
  std::string letters;
  for (std::uint64_t n = 1 + rng.below(1'000'000); n > 0; n /= 26) letters.push_back(static_cast<char>('a' + n % 26));
  return letters;
}

double similarity_of(const std::string& a, const std::string& b) {
  Signature signatures[2];
  if (!make_signature(a, signatures[0]) || !make_signature(b, signatures[1])) return -1;
  return dedup::similarity_of(signatures[0], signatures[1]);
}

}  // namespace

TEST_CASE("the vector code finds the minima that plain loops find") {
  Rng rng(1);
  for (const std::size_t n : {0, 1, 2, 31, 1000}) {
    std::vector<std::uint32_t> hashes(n), minima(n_permutations, std::numeric_limits<std::uint32_t>::max());
    for (std::uint32_t& hash : hashes) hash = rng.next_u32();
    std::vector<std::uint32_t> piecewise = minima, one_by_one = minima;
    take_minima(hashes.data(), n, minima.data());
    take_minima(hashes.data(), n / 3, piecewise.data());
    take_minima(hashes.data() + n / 3, n - n / 3, piecewise.data());
    CHECK(minima == piecewise);
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<std::uint32_t> alone(n_permutations, std::numeric_limits<std::uint32_t>::max());
      take_minima(&hashes[i], 1, alone.data());
      for (std::size_t p = 0; p < n_permutations; ++p) one_by_one[p] = std::min(one_by_one[p], alone[p]);
    }
    CHECK(minima == one_by_one);
  }
}

TEST_CASE("signatures are the same on every machine") {
  Signature signature;
  REQUIRE(make_signature("The quick brown fox jumps over the lazy dog, 12 times.", signature));
  CHECK(band_of(signature, 0) == 0x87048cbb8e671846u);
  CHECK(band_of(signature, 13) == 0x2381b39f2e743b3du);
}

TEST_CASE("estimates and bands follow the theory at every similarity") {
  Rng rng(2);
  constexpr int n_pairs = 4000;
  double error = 0, squares = 0, expected = 0, variance = 0;
  int n_found = 0;
  for (int pair = 0; pair < n_pairs; ++pair) {
    Words a(60 + rng.below(200));
    for (std::string& each : a) each = word(rng);
    Words b = a;
    for (std::uint64_t n = rng.below(a.size() / 8); n > 0; --n) b[rng.below(b.size())] = word(rng);
    const double s = true_similarity(a, b);
    Signature signatures[2];
    REQUIRE((make_signature(joined(a), signatures[0]) && make_signature(joined(b), signatures[1])));
    const double difference = dedup::similarity_of(signatures[0], signatures[1]) - s;
    const double sigma = std::sqrt(s * (1 - s) / n_permutations + 1e-6);
    error += difference, squares += difference * difference / (sigma * sigma);
    const double found = 1 - std::pow(1 - std::pow(s, rows_per_band), n_bands);
    expected += found, variance += found * (1 - found);
    bool shares_band = false;
    for (std::size_t band = 0; band < n_bands; ++band) {
      shares_band = shares_band || band_of(signatures[0], band) == band_of(signatures[1], band);
    }
    n_found += shares_band ? 1 : 0;
  }
  CHECK(std::abs(error / n_pairs) < 0.004);
  CHECK(squares / n_pairs < 1.15);  // no wider than independent permutations would be
  CHECK(squares / n_pairs > 0.8);
  CAPTURE(expected, n_found, std::sqrt(variance));
  CHECK(std::abs(n_found - expected) < 4 * std::sqrt(variance));
}

TEST_CASE("texts without words have no signature, short ones one of their own") {
  Signature signature;
  CHECK(!make_signature("", signature));
  CHECK(!make_signature(" -- ... !\n", signature));
  CHECK(similarity_of("one two", "One, TWO!") == 1);
  CHECK(similarity_of("one two", "one three") < 0.1);
  CHECK(similarity_of("one", "one one") < 0.1);
  CHECK(similarity_of("one two three four five", "one two three four six") < 0.1);
}

TEST_CASE("numbers count as one, but tables of numbers are not all alike") {
  CHECK(similarity_of("page 12 of the manual of 1999", "Page 7 of the manual of 2024") == 1);
  CHECK(similarity_of("1 2 3 4 5 6 7 8", "8 7 6 5 4 3 2 1") < 0.1);
  CHECK(similarity_of("12", "13") < 0.1);
  CHECK(similarity_of("12", "12") == 1);
}

TEST_CASE("scripts without spaces are compared by runs of characters") {
  const std::string text =
      "昔々ある所にお爺さんとお婆さんがありました。お爺さんは山へ芝刈りに、お婆さんは川へ洗濯に行きました。";
  const std::string changed =
      "昔々ある所にお爺さんとお婆さんがありました。お爺さんは山へ芝刈りに、お婆さんは川へ洗濯に来ました。";
  CHECK(similarity_of(text, changed) > 0.7);
  CHECK(similarity_of(text, "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。") < 0.1);
}

}  // namespace hearth::text::dedup
