// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/near.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/base/rng.h"
#include "tests/support/catch.h"

namespace hearth::text::dedup {
namespace {

void observe(NearDuplicates& stage, std::uint64_t row, const std::string& text, bool reference = false) {
  Candidate candidate;
  candidate.document.text = text;
  std::string sketch;
  stage.sketch(candidate, sketch);
  const std::string id = "id-" + std::to_string(row);
  stage.observe({row, id, reference}, sketch);
}

// Sixty words of the seed, the first n_changed of which are others.
std::string text_of(int seed, int n_changed = 0, const std::string& end = "") {
  std::string text;
  for (int i = 0; i < 60; ++i) {
    text += std::string(i < n_changed ? "changed" : "w") + static_cast<char>('a' + i % 26) +
            static_cast<char>('a' + i / 26) + static_cast<char>('a' + seed % 26) +
            static_cast<char>('a' + seed / 26 % 26) + " ";
  }
  return text + end;
}

std::uint64_t first_of(const NearDuplicates& stage, std::uint64_t row) {
  const auto group = stage.group_of(row);
  return group ? group->first : row;
}

std::string details(const NearDuplicates& stage, std::uint64_t n_rows) {
  std::string all;
  for (std::uint64_t row = 0; row < n_rows; ++row) {
    const auto rejection = stage.judge(row);
    all += std::to_string(row) + " " + (rejection ? rejection->detail : "-") + " " +
           std::to_string(first_of(stage, row)) + "\n";
  }
  return all;
}

}  // namespace

TEST_CASE("one of near-duplicates stays, the others name it") {
  NearDuplicates stage({});
  observe(stage, 0, text_of(1));
  observe(stage, 2, text_of(2));
  observe(stage, 3, text_of(1, 1));  // 55 of 57 shingles
  observe(stage, 5, text_of(1, 0, "and more"));
  observe(stage, 6, "...");
  observe(stage, 7, "...");
  stage.conclude(*comm::make_self_communicator());
  for (const std::uint64_t row : {0, 1, 2, 4, 6, 7}) CHECK(!stage.judge(row));
  REQUIRE(stage.judge(3));
  CHECK(stage.judge(3)->reason == "duplicate-near");
  CHECK(stage.judge(3)->detail.starts_with("of id-0, similarity 0.9"));
  CHECK(stage.judge(5)->detail.starts_with("of id-0, similarity "));
  formats::Document document;
  stage.annotate(0, document);
  CHECK(document.attributes == R"({"near_duplicates":2})");
  document.attributes = "{}";
  stage.annotate(2, document);
  CHECK(document.attributes == "{}");
  CHECK(first_of(stage, 5) == 0);
  CHECK(first_of(stage, 2) == 2);
  CHECK(stage.findings_json() ==
        R"({"documents":4,"copies":2,"clusters":1,"threshold":0.7,"largest":[{"id":"id-0","copies":2}]})");
}

TEST_CASE("the longest stays when asked for, and a reference always") {
  NearOptions options;
  options.keep = Keep::longest;
  NearDuplicates longest(options);
  observe(longest, 0, text_of(1));
  observe(longest, 1, text_of(1, 0, "and more"));
  longest.conclude(*comm::make_self_communicator());
  CHECK(longest.judge(0)->detail.starts_with("of id-1, "));
  CHECK(!longest.judge(1));

  NearDuplicates stage(options);
  observe(stage, 0, text_of(1), true);
  observe(stage, 1, text_of(1, 0, "again"), true);
  observe(stage, 2, text_of(1, 0, "and much more"));
  stage.conclude(*comm::make_self_communicator());
  CHECK(!stage.judge(0));
  CHECK(!stage.judge(1));
  CHECK(stage.judge(2)->detail.starts_with("of id-"));
  CHECK(stage.judge(2)->detail.find("id-2") == std::string::npos);
}

TEST_CASE("a chain of changes keeps its far end, in one group") {
  NearDuplicates stage({});
  for (int i = 0; i < 20; ++i) observe(stage, static_cast<std::uint64_t>(i), text_of(1, 2 * i));
  stage.conclude(*comm::make_self_communicator());
  CHECK(!stage.judge(0));
  CHECK(stage.judge(1)->detail.starts_with("of id-0"));
  int n_kept = 0;
  for (std::uint64_t row = 0; row < 20; ++row) {
    CHECK(first_of(stage, row) == 0);
    const auto rejection = stage.judge(row);
    if (!rejection) ++n_kept;
    if (rejection) CHECK(std::stod(rejection->detail.substr(rejection->detail.rfind(' '))) >= 0.7);
  }
  CHECK(n_kept >= 2);  // the ends share a third of their words
}

TEST_CASE("tagged near-duplicates stay, marked") {
  NearOptions options;
  options.action = NearAction::tag;
  NearDuplicates stage(options);
  observe(stage, 0, text_of(1));
  observe(stage, 1, text_of(1, 0, "x"));
  stage.conclude(*comm::make_self_communicator());
  CHECK(!stage.judge(1));
  formats::Document document;
  stage.annotate(1, document);
  CHECK(document.attributes.starts_with(R"({"near_duplicate_of":"id-0","near_duplicate_similarity":)"));
  CHECK(first_of(stage, 1) == first_of(stage, 0));
}

TEST_CASE("the memory for sorting changes nothing") {
  Rng rng(3);
  std::vector<std::string> texts;
  for (int i = 0; i < 3000; ++i) {
    texts.push_back(text_of(static_cast<int>(rng.below(400)), static_cast<int>(rng.below(6)), std::to_string(i) + "x"));
  }
  std::set<std::string> answers;
  for (const std::uint64_t memory : {std::uint64_t{1} << 30, std::uint64_t{1000}}) {
    NearOptions options;
    options.memory_bytes = memory;
    NearDuplicates stage(options);
    for (std::size_t i = 0; i < texts.size(); ++i) observe(stage, i, texts[i]);
    stage.conclude(*comm::make_self_communicator());
    answers.insert(details(stage, texts.size()));
  }
  CHECK(answers.size() == 1);
  CHECK(answers.begin()->find("similarity") != std::string::npos);
}

TEST_CASE("decisions agree with all pairs compared") {
  Rng rng(4);
  NearDuplicates stage({});
  std::vector<Signature> signatures;
  for (std::uint64_t row = 0; row < 800; ++row) {
    const std::string text = text_of(static_cast<int>(rng.below(200)), static_cast<int>(rng.below(4)));
    observe(stage, row, text);
    REQUIRE(make_signature(text, signatures.emplace_back()));
  }
  stage.conclude(*comm::make_self_communicator());
  std::vector<std::uint64_t> kept;
  for (std::uint64_t row = 0; row < signatures.size(); ++row) {
    double best = 0;
    for (const std::uint64_t other : kept) best = std::max(best, similarity_of(signatures[row], signatures[other]));
    const bool goes = stage.judge(row).has_value();
    // Those near 0.8 the bands may miss; what goes has a likeness for certain.
    if (goes) CHECK(best >= 0.7);
    if (best > 0.95) CHECK(goes);
    if (!goes) kept.push_back(row);
  }
  CHECK(kept.size() < 250);
}

}  // namespace hearth::text::dedup
