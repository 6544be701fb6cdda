// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <set>
#include <string>

#include "lib/base/rng.h"
#include "lib/text/filters.h"
#include "lib/text/identity.h"
#include "tests/support/catch.h"

namespace hearth::text {
namespace {

Candidate candidate_of(const std::string& path, const std::string& text) {
  Candidate candidate;
  candidate.document.text = text;
  candidate.path_hash = hash_path(path);
  candidate.text_hash = hash_text(text);
  return candidate;
}

}  // namespace

TEST_CASE("the length filter counts characters, not bytes or outer white space") {
  const LengthFilter filter(3);
  for (const auto& [text, keeps] : {std::pair{"", false},
                                    {"ab", false},
                                    {"abc", true},
                                    {"  a b ", true},
                                    {"\n\nab\n", false},
                                    {"日本", false},
                                    {"日本語", true}}) {
    INFO(text);
    Candidate candidate = candidate_of("a", text);
    const auto rejection = filter.decide(candidate);
    CHECK(!rejection == keeps);
    if (rejection) CHECK(rejection->reason == "too-short");
  }
}

TEST_CASE("ids are stable and tell path and text apart") {
  CHECK(document_id(hash_path("docs/a.txt"), hash_text("hello")) ==
        "4912a5d44f459b4eb5e9c1ad071b3e7f");  // the same for ever
  std::set<std::string> ids;
  for (const char* path : {"a", "b", "a/b"}) {
    for (const char* text : {"x", "y", ""}) ids.insert(document_id(hash_path(path), hash_text(text)));
  }
  CHECK(ids.size() == 9);
}

TEST_CASE("splits follow the fractions, the seed and nothing else") {
  const SplitFractions fractions{0.1, 0.2};
  const int n = 20'000;
  int counts[formats::n_splits] = {}, n_moved = 0;
  for (int i = 0; i < n; ++i) {
    const Hash128 hash = hash_text("document " + std::to_string(i));
    const formats::Split split = choose_split(hash, 1, fractions);
    ++counts[static_cast<int>(split)];
    CHECK(split == choose_split(hash, 1, fractions));
    n_moved += split != choose_split(hash, 2, fractions) ? 1 : 0;
    // More for validation takes from train alone.
    const formats::Split wider = choose_split(hash, 1, {0.3, 0.2});
    if (wider != split) CHECK((split == formats::Split::train && wider == formats::Split::validation));
    CHECK(choose_split(hash, 1, {0, 0}) == formats::Split::train);
  }
  const auto near = [&](int count, double share) {
    return std::abs(count - n * share) < 4 * std::sqrt(n * share * (1 - share));
  };
  CHECK(near(counts[0], 0.7));
  CHECK(near(counts[1], 0.1));
  CHECK(near(counts[2], 0.2));
  CHECK(n_moved > n / 4);
  CHECK(choose_split(hash_text("document 0"), 1, fractions) == choose_split(hash_text(" document 0\n"), 1, fractions));
}

}  // namespace hearth::text
