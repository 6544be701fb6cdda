// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/exact.h"

#include <map>
#include <string>

#include "lib/base/rng.h"
#include "lib/text/identity.h"
#include "tests/support/catch.h"

namespace hearth::text::dedup {
namespace {

std::string id_of(const std::string& path, const std::string& text) {
  return document_id(hash_path(path), hash_text(text));
}

void observe(ExactDuplicates& stage, const Row& row, const std::string& text) {
  Candidate candidate;
  candidate.document.text = text;
  candidate.text_hash = hash_text(text);
  std::string sketch;
  stage.sketch(candidate, sketch);
  stage.observe(row, sketch);
}

}  // namespace

TEST_CASE("the first of equal texts stays, and the others name it") {
  ExactDuplicates stage;
  observe(stage, {0, id_of("a", "text")}, "text");
  observe(stage, {1, id_of("b", "Text")}, "Text");
  observe(stage, {4, id_of("c", " text\n")}, " text\n");  // rows 2 and 3 were rejected before
  observe(stage, {5, "ticket-17"}, "named");
  observe(stage, {6, id_of("d", "named")}, "named");
  observe(stage, {7, "", false}, "no id");
  observe(stage, {8, "x", false}, "no id");
  stage.conclude(*comm::make_self_communicator());
  for (const std::uint64_t row : {0, 1, 2, 3, 5, 7}) CHECK(!stage.judge(row));
  REQUIRE(stage.judge(4));
  CHECK(stage.judge(4)->reason == "duplicate-exact");
  CHECK(stage.judge(4)->detail == "of " + id_of("a", "text"));
  CHECK(stage.judge(6)->detail == "of ticket-17");
  CHECK(stage.judge(8)->detail == "of ");
  CHECK(stage.findings_json() == R"({"texts":4,"duplicates":3})");
}

TEST_CASE("documents of another corpus are never rejected, and win") {
  ExactDuplicates stage;
  observe(stage, {0, "old-1", true}, "text");
  observe(stage, {1, "old-2", true}, "text");
  observe(stage, {2, "new"}, "text");
  stage.conclude(*comm::make_self_communicator());
  CHECK(!stage.judge(0));
  CHECK(!stage.judge(1));
  CHECK(stage.judge(2)->detail == "of old-1");
}

TEST_CASE("exact duplicates agree with a map over many texts, whatever the memory") {
  const std::uint64_t memory = GENERATE(std::uint64_t{0}, std::uint64_t{1} << 20, std::uint64_t{1} << 30);
  ExactDuplicates stage(memory);
  std::map<std::string, std::string> first_ids;
  std::map<std::uint64_t, std::string> expected;
  Rng rng(1);
  for (std::uint64_t row = 0; row < 200'000; ++row) {
    const std::string text = std::to_string(rng.below(120'000));
    const std::string id = id_of(std::to_string(row), text);
    const auto [place, is_new] = first_ids.try_emplace(text, id);
    if (!is_new) expected[row] = "of " + place->second;
    observe(stage, {row, id}, text);
  }
  stage.conclude(*comm::make_self_communicator());
  for (std::uint64_t row = 0; row < 200'000; ++row) {
    const auto rejection = stage.judge(row);
    const auto wanted = expected.find(row);
    if (rejection.has_value() != (wanted != expected.end())) FAIL("wrong about row " << row);
    if (rejection && rejection->detail != wanted->second) FAIL("row " << row << " names another document");
  }
}

}  // namespace hearth::text::dedup
