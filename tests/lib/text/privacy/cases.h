// SPDX-License-Identifier: Apache-2.0
// How the tests of this folder look at findings: as "kind:value" words. Values that scanners of repositories would take
// for live ones are put together from parts; all are published test numbers or made up.
#pragma once
#include <string>
#include <string_view>

#include "lib/text/privacy/finder.h"
#include "tests/support/catch.h"

namespace hearth::text::privacy {

inline std::string found_in(std::string_view text, const NameList* names = nullptr) {
  std::string words;
  for (const Finding& finding : find_private(text, names)) {
    if (!words.empty()) words += " | ";
    words.append(words_of(finding.kind).name)
        .append(":")
        .append(text.substr(finding.begin, finding.end - finding.begin));
  }
  return words;
}

struct Case {
  std::string text, found;
};

inline void check_cases(std::initializer_list<Case> cases) {
  for (const Case& one : cases) {
    INFO(one.text);
    CHECK(found_in(one.text) == one.found);
    const std::string inside =
        std::string(61, '.') + "\n" + one.text + "\n" + std::string(70, '.');  // over a block's end
    CHECK(found_in(inside) == one.found);
  }
}

}  // namespace hearth::text::privacy
