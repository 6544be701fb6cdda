// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "lib/base/error.h"
#include "lib/text/quality/natural_language.h"
#include "tests/support/catch.h"

namespace hearth::text {
namespace {

constexpr const char* german =
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft "
    "und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.";

Candidate candidate_of(const std::string& text) {
  Candidate candidate;
  candidate.document.text = text;
  candidate.document.type = "text";
  candidate.document.attributes = "{}";
  return candidate;
}

}  // namespace

// The first article of the Universal Declaration of Human Rights, in translations of the United Nations.
TEST_CASE("languages are told apart") {
  const std::pair<const char*, const char*> cases[] = {
      {"de", german},
      {"en",
       "All human beings are born free and equal in dignity and rights. They are endowed with reason and "
       "conscience and should act towards one another in a spirit of brotherhood."},
      {"fr",
       "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et de "
       "conscience et doivent agir les uns envers les autres dans un esprit de fraternité."},
      {"es",
       "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón y "
       "conciencia, deben comportarse fraternalmente los unos con los otros."},
      {"ru",
       "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и "
       "должны поступать в отношении друг друга в духе братства."},
      {"ja", "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。"},
      {"zh", "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。"},
      {"", "12 34 56"},
      {"", ""}};
  for (const auto& [code, text] : cases) {
    INFO(text);
    CHECK(natural_language(text).code == code);
  }
}

TEST_CASE("a long text is judged by its beginning, middle and end, never between the bytes of a character") {
  std::string text;
  while (text.size() < 100'000) text += "Ünïcödé " + std::string(german);
  CHECK(natural_language(text).code == "de");
}

TEST_CASE("only wanted languages are kept; code has none") {
  const LanguageStage stage({.wanted = {"en", "fr"}, .threshold = 0.5, .keep_unknown = false});
  Candidate other = candidate_of(german), unknown = candidate_of("1 2 3"), code = candidate_of(german);
  code.document.type = "code";
  CHECK(stage.decide(other)->reason == "other-language");
  CHECK(stage.decide(unknown)->reason == "unknown-language");
  CHECK(!stage.decide(code));
  CHECK(code.document.attributes == "{}");
  const LanguageStage all({});
  Candidate kept = candidate_of(german);
  CHECK(!all.decide(kept));
  CHECK(kept.natural_language == "de");
  CHECK_THAT(kept.document.attributes, Catch::StartsWith("{\"lang\":\"de\",\"lang_score\":"));
  Candidate named = candidate_of(german);
  named.document.attributes = "{\"lang\":\"xx\"}";
  CHECK(!all.decide(named));
  CHECK(named.document.attributes == "{\"lang\":\"xx\"}");
}

TEST_CASE("an unknown language code is named") {
  CHECK_NOTHROW(require_known_language("de"));
  CHECK_THROWS_AS(require_known_language("german"), Error);
}

}  // namespace hearth::text
