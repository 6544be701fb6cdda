// SPDX-License-Identifier: Apache-2.0
#include "lib/text/licences/lists.h"

#include <string>
#include <tuple>
#include <vector>

#include "lib/base/error.h"
#include "tests/support/catch.h"

namespace hearth::text::licences {
namespace {

using Strings = std::vector<std::string>;

struct Case {
  std::string expression;
  bool passes;
};

void check(const Strings& allow, const Strings& deny, const std::vector<Case>& cases) {
  const Lists lists(allow, deny);
  for (const Case& one : cases) {
    INFO(one.expression);
    CHECK(!lists.refusal(one.expression) == one.passes);
  }
}

}  // namespace

TEST_CASE("of a choice one licence must pass, of several together all") {
  check({"MIT", "BSD-*", "apache-2.0"}, {},
        {
            {"MIT", true},
            {"mit", true},
            {"BSD-3-Clause", true},
            {"GPL-2.0-only", false},
            {"MIT OR GPL-2.0-only", true},
            {"GPL-2.0-only OR MIT", true},
            {"GPL-2.0-only or mit", true},
            {"MIT AND GPL-2.0-only", false},
            {"GPL-2.0-only AND MIT", false},
            {"MIT AND Apache-2.0", true},
            {"GPL-2.0-only OR MPL-2.0", false},
            {"MIT AND GPL-2.0-only OR BSD-2-Clause", true},
            {"MIT AND (GPL-2.0-only OR BSD-2-Clause)", true},
            {"ISC AND (GPL-2.0-only OR BSD-2-Clause)", false},
            {"(MIT)", true},
            {"((ISC OR (MIT)))", true},
            {"Apache-2.0 WITH LLVM-exception", true},
            {"MIT-0", false},
        });
}

TEST_CASE("denied licences go before allowed ones") {
  check({}, {"GPL-*", "LicenseRef-*"},
        {
            {"MIT", true},
            {"GPL-2.0", false},
            {"LGPL-2.1-only", true},
            {"GPL-3.0-or-later OR MIT", true},
            {"GPL-3.0-or-later AND MIT", false},
            {"LicenseRef-Proprietary", false},
            {"GPL-2.0-only WITH Linux-syscall-note", false},
        });
  check({"*"}, {"MIT"}, {{"MIT", false}, {"ISC", true}});
}

TEST_CASE("exceptions have patterns of their own, and go first") {
  check({"GPL-* WITH Classpath-*"}, {"GPL-*"},
        {{"GPL-2.0-only WITH Classpath-exception-2.0", true},
         {"GPL-2.0-only WITH Linux-syscall-note", false},
         {"GPL-2.0-only", false}});
  check({"GPL-*"}, {"GPL-* WITH Linux-*"},
        {{"GPL-2.0-only WITH Linux-syscall-note", false}, {"GPL-2.0-only WITH Bison-exception-2.2", true}});
}

TEST_CASE("old and new spellings are the same") {
  check({"GPL-2.0"}, {}, {{"GPL-2.0-only", true}, {"GPL-2.0", true}, {"GPL-2.0+", false}, {"GPL-2.0-or-later", false}});
  check({"GPL-2.0+"}, {}, {{"GPL-2.0-or-later", true}, {"GPL-2.0+", true}, {"GPL-2.0-only", false}});
  check({"MPL-1.1"}, {}, {{"MPL-1.1+", true}});
}

TEST_CASE("of what is no expression every word must pass") {
  check(
      {"MIT"}, {},
      {{"MIT GPL", false}, {"MIT AND", true}, {"OR GPL-2.0-only", false}, {"(MIT", true}, {"MIT)", true}, {"(", true}});
  check({}, {"GPL-*"}, {{"see (GPL-2.0", false}, {"MIT BSD", true}, {"(GPL-2.0 OR MIT", false}});
  check({"MIT"}, {}, {{std::string(100000, '(') + "MIT" + std::string(100000, ')'), true}});
}

TEST_CASE("a refusal names the licence and the rule") {
  CHECK(Lists({}, {"GPL-*"}).refusal("MIT AND GPL-2.0") == "GPL-2.0-only is denied (--deny-license 'GPL-*')");
  CHECK(Lists({"MIT"}, {}).refusal("ISC OR Zlib") ==
        "ISC is not among the allowed (--allow-license); Zlib is not among the allowed (--allow-license)");
  CHECK(Lists({}, {}).refusal("anything") == std::nullopt);
}

TEST_CASE("a pattern that is no pattern is refused") {
  for (const char* pattern : {"", "MIT OR ISC", "MIT,ISC", "GPL-2.0 WITH ", " WITH x", "a/b"}) {
    INFO(pattern);
    CHECK_THROWS_AS(Lists({pattern}, {}), Error);
    CHECK_THROWS_AS(Lists({}, {pattern}), Error);
  }
}

TEST_CASE("globs") {
  for (const auto& [pattern, text, matches] : std::vector<std::tuple<std::string, std::string, bool>>{
           {"*", "", true},
           {"", "", true},
           {"", "a", false},
           {"a*c", "abbc", true},
           {"a*c", "abcb", false},
           {"a?c", "aBC", true},
           {"a?c", "ac", false},
           {"*b*", "abc", true},
           {"a**", "a", true},
           {"a*b*c", "aXbYbZc", true},
       }) {
    INFO(pattern << " " << text);
    CHECK(glob_match(pattern, text) == matches);
  }
}

}  // namespace hearth::text::licences
