// SPDX-License-Identifier: Apache-2.0
// Patterns of .gitignore files; what git says of each case was asked of 'git check-ignore' (2.39).
#include "lib/text/containers/gitignore.h"

#include <string>

#include "tests/support/catch.h"

namespace hearth::text {

TEST_CASE("Patterns of .gitignore fit what git says they fit") {
  struct Case {
    const char *patterns, *path;
    bool is_folder;
    const char* wanted;  // "ignored", "not" for a "!" that fits, "" for none
  };
  const Case cases[] = {
      {"*.o", "a/b.o", false, "ignored"},
      {"*.o", "a/b.c", false, ""},
      {"build/", "build", true, "ignored"},
      {"build/", "build", false, ""},
      {"build/", "a/build", true, "ignored"},
      {"/build", "build", false, "ignored"},
      {"/build", "a/build", false, ""},
      {"a/b", "a/b", false, "ignored"},
      {"a/b", "x/a/b", false, ""},
      {"**/b", "x/y/b", false, "ignored"},
      {"**/b", "b", false, "ignored"},
      {"a/**/b", "a/b", false, "ignored"},
      {"a/**/b", "a/x/y/b", false, "ignored"},
      {"a/**/b", "a/x/y/c", false, ""},
      {"a/**", "a/x", false, "ignored"},
      {"a/**", "a", true, ""},
      {"a/*", "a/x", false, "ignored"},
      {"a/*/c", "a/b/b/c", false, ""},
      {"*.log\n!keep.log", "keep.log", false, "not"},
      {"!keep.log\n*.log", "keep.log", false, "ignored"},
      {"# comment\n\n\\#x", "#x", false, "ignored"},
      {"\\!x", "!x", false, "ignored"},
      {"x   ", "x", false, "ignored"},
      {"x\r\ny", "x", false, "ignored"},
      {"f[a-c].txt", "fb.txt", false, "ignored"},
      {"f[!a-c].txt", "fb.txt", false, ""},
      {"f[!a-c].txt", "fz.txt", false, "ignored"},
      {"f?.txt", "f/.txt", false, ""},
      {"*a*b*c*", "xxaxxbxxcxx", false, "ignored"},
      {"*a*b*c*", "xxaxxcxxbxx", false, ""},
      {"**/a/*.c", "x/a/y/a/z.c", false, "ignored"},
  };
  for (const Case& each : cases) {
    INFO(each.patterns << " | " << each.path);
    const auto got = GitIgnore(each.patterns).ignores(each.path, each.is_folder);
    CHECK(std::string(!got ? "" : *got ? "ignored" : "not") == each.wanted);
  }
}

TEST_CASE("A hostile pattern costs no more than pattern times path") {
  const std::string stars(1000, '*'), path(4000, 'a');
  std::string glob;
  for (int i = 0; i < 300; ++i) glob += "*a";
  CHECK(!fits_glob(glob + "b", path));
  CHECK(fits_glob(stars, path));
}

}  // namespace hearth::text
