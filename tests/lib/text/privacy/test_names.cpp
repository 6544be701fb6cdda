// SPDX-License-Identifier: Apache-2.0
#include "lib/text/privacy/names.h"
#include "tests/lib/text/privacy/cases.h"

namespace hearth::text::privacy {

TEST_CASE("names of a list are found as whole words, in any script") {
  const NameList names(
      {"Ada Lovelace", "Ada", "Jean-Luc", "Müller", "王小明", "  Анна   Каренина ", "", "O'Brien", "Mue\xcc\x88ller"});
  CHECK(names.size() == 8);
  for (const auto& [text, found] :
       {std::pair{"Ada met Ada Lovelace.", "name:Ada | name:Ada Lovelace"},
        {"ADA\nLOVELACE", "name:ADA\nLOVELACE"},
        {"Ada\n\nLovelace", "name:Ada"},
        {"Adam Nada ada Ada1", ""},
        {"Ada's (Ada) Ada-x", "name:Ada | name:Ada | name:Ada"},
        {"Jean-Luc Jean-Lucas Jean", "name:Jean-Luc"},
        {"M\xc3\xbcller M\xc3\x9cLLER M\xc3\xbcllerin", "name:M\xc3\xbcller | name:M\xc3\x9cLLER"},
        {"我是王小明先生", "name:王小明"},
        {"Анна Каренина и Анна", "name:Анна Каренина"},
        {"O'Brien", "name:O'Brien"},
        {"\xff"
         "Ada\xff",
         "name:Ada"}}) {
    INFO(text);
    CHECK(found_in(text, &names) == found);
  }
}

}  // namespace hearth::text::privacy
