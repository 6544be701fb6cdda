// SPDX-License-Identifier: Apache-2.0
#include "lib/text/privacy/masking.h"

#include <filesystem>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "tests/lib/text/privacy/cases.h"

namespace hearth::text::privacy {
namespace {

const char* const letter =
    "From: Ann.Smith@uni-bonn.de\nTel. 202-555-0143, card 4111 1111 1111 1111, ann.smith@UNI-BONN.de\n";

Candidate candidate_of(std::string text, std::string attributes = "{}") {
  Candidate candidate;
  candidate.document.text = std::move(text);
  candidate.document.attributes = std::move(attributes);
  return candidate;
}

std::string with(const PrivacyOptions& options, Candidate& candidate) {
  const auto rejection = PrivacyStage(options).decide(candidate);
  return rejection ? rejection->reason : "";
}

}  // namespace

TEST_CASE("by default all is masked and counted") {
  Candidate candidate = candidate_of(letter);
  CHECK(with({}, candidate) == "");
  CHECK(candidate.document.text == "From: <EMAIL>\nTel. <PHONE>, card <CARD>, <EMAIL>\n");
  CHECK(candidate.document.attributes == "{}");
  using Counts = decltype(candidate.counts);
  CHECK(candidate.counts == Counts{{"masked-card", 1}, {"masked-email", 2}, {"masked-phone", 1}});
  Candidate plain = candidate_of("nothing here");
  CHECK(with({}, plain) == "");
  CHECK(plain.counts.empty());
}

TEST_CASE("each kind has its action, later settings win") {
  Candidate candidate = candidate_of(letter, R"({"a":1})");
  CHECK(with({{"all=keep", "email=tag", "card=mask"}, "", ""}, candidate) == "");
  CHECK(candidate.document.text ==
        "From: Ann.Smith@uni-bonn.de\nTel. 202-555-0143, card <CARD>, ann.smith@UNI-BONN.de\n");
  CHECK(candidate.document.attributes == R"({"a":1,"privacy":{"email":2}})");
  Candidate dropped = candidate_of(letter);
  CHECK(with({{"phone=drop"}, "", ""}, dropped) == "privacy-phone");
  CHECK(dropped.document.text == "From: <EMAIL>\nTel. <PHONE>, card <CARD>, <EMAIL>\n");
  for (const char* bad : {"email", "mail=mask", "email=hide", "=mask", "email="})
    CHECK_THROWS_AS(parse_actions({bad}), Error);
}

TEST_CASE("attributes are masked as JSON") {
  Candidate candidate = candidate_of(
      "text",
      R"({"from":"ann@uni-bonn.de","n":4111111111111111,"db_password":"hunter2","deep":[{"t":"x\nbob@uni-bonn.de \"q\""}]})");
  CHECK(with({}, candidate) == "");
  CHECK(candidate.document.attributes ==
        R"({"from":"<EMAIL>","n":"<CARD>","db_password":"<PASSWORD>","deep":[{"t":"x\n<EMAIL> \"q\""}]})");
  Candidate kept = candidate_of("text", R"({"from":"ann@uni-bonn.de"})");
  CHECK(with({{"all=keep"}, "", ""}, kept) == "");
  CHECK(kept.document.attributes == R"({"from":"ann@uni-bonn.de"})");
}

TEST_CASE("pseudonyms are the same for one person, and need the key") {
  const auto path = std::filesystem::temp_directory_path() / "hearth_pseudonym_key";
  write_file(path, "a key of more than sixteen bytes\n");
  Candidate one = candidate_of(letter), again = candidate_of(letter);
  CHECK(with({{}, "", path.string()}, one) == "");
  CHECK(one.document.text.find("<EMAIL:") == 6);
  const std::string first = one.document.text.substr(6, 16);
  CHECK(one.document.text.find(first, 10) != std::string::npos);
  write_file(path, "another key of more than sixteen bytes\n");
  CHECK(with({{}, "", path.string()}, again) == "");
  CHECK(again.document.text.substr(6, 16) != first);
  write_file(path, "short\n");
  CHECK_THROWS_AS(PrivacyStage({{}, "", path.string()}), Error);
  std::filesystem::remove(path);
}

TEST_CASE("documents rejected elsewhere are masked too, whatever their bytes") {
  Candidate candidate = candidate_of(std::string("\xff\xfe ann@uni-bonn.de \x00 {", 22));
  PrivacyStage({}).pass_rejected(candidate);
  CHECK(candidate.document.text == std::string("\xff\xfe <EMAIL> \x00 {", 14));
  CHECK(candidate.counts.empty());
}

TEST_CASE("HMAC-SHA-256 of RFC 4231, test case 2") {
  CHECK(hmac_sha256_hex("Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace hearth::text::privacy
