// SPDX-License-Identifier: Apache-2.0
// What files of each language refer to in a repository, and the order that follows. tests/bench/repository_order.py
// compares a real tree with Python's own parser.
#include "lib/text/code/order.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"

namespace hearth::text::code {
namespace {

struct File {
  std::string path, language, text;
};

// The paths that the first of the files needs.
std::vector<std::string> needs_of_first(std::vector<File> files) {
  const File first = files[0];
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.path < b.path; });
  std::vector<std::string> paths, needed;
  for (const File& file : files) paths.push_back(file.path);
  const auto number =
      static_cast<std::uint32_t>(std::find(paths.begin(), paths.end(), first.path) - paths.begin());
  const FileIndex index(paths);
  for (const std::uint32_t i : index.needs(number, references(first.path, first.language, first.text)))
    needed.push_back(paths[i]);
  return needed;
}

std::vector<File> with(File first, const std::vector<std::string>& others) {
  std::vector<File> files{std::move(first)};
  for (const std::string& path : others) files.push_back({path, files[0].language, ""});
  return files;
}

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("C and C++ include from their own folder, else by the end of the path, the nearest first") {
  const std::string text =
      "#include <vector>\n  # include \"b.h\"\n#include <net/socket.h>\n#include \"../up.h\"\n// #include \"no.h\"\n"
      "#include MACRO\n#include \"\"\n#include \"unclosed\nint a;\n";
  CHECK(needs_of_first(with({"src/a.cpp", "c++", text},
                            {"b.h", "src/b.h", "include/net/socket.h", "up.h", "no.h", "vector.h", "src/unclosed"})) ==
        Paths{"src/b.h", "include/net/socket.h", "up.h"});
  CHECK(needs_of_first(with({"x/y/a.c", "c", "#include <c.h>\n"}, {"a/c.h", "x/c.h", "x/z/c.h"})) == Paths{"x/c.h"});
  CHECK(needs_of_first(with({"a.c", "c", "#include \"a.c\"\n#include \"xb.h\"\n"}, {"b.h", "a.h"})).empty());
}

TEST_CASE("Python imports modules of its roots, packages and things in modules") {
  const std::string text =
      "\"\"\"Says\nimport docstring\n\"\"\"\nimport os, pkg.one as o\nfrom .two import (thing,  # comment, three\n"
      "    other)\nfrom . import four\nfrom ..top import *\nfrom pkg.sub import five, six\ntry: import seven\n"
      "except ImportError: pass\nx = 'import eight'; import nine\nfrom pkg import \\\n    ten\n";
  const Paths others{"lib/pkg/__init__.py", "lib/pkg/one.py",       "lib/pkg/sub/__init__.py", "lib/pkg/sub/two.py",
                     "lib/pkg/sub/four.py", "lib/pkg/top.py",       "lib/pkg/sub/five.py",     "lib/pkg/sub/docstring.py",
                     "lib/pkg/sub/os.py",   "lib/seven.py",         "lib/eight.py",            "lib/nine.py",
                     "lib/pkg/ten.py",      "tests/pkg/one.py",     "three.py"};
  CHECK(needs_of_first(with({"lib/pkg/sub/a.py", "python", text}, others)) ==
        Paths{"lib/pkg/one.py", "lib/pkg/sub/two.py", "lib/pkg/sub/four.py", "lib/pkg/top.py", "lib/pkg/sub/five.py",
              "lib/pkg/sub/__init__.py", "lib/seven.py", "lib/nine.py", "lib/pkg/ten.py"});
  CHECK(needs_of_first(with({"tests/test_a.py", "python", "import pkg.a\nimport json\n"},
                            {"src/pkg/a.py", "tools/json.py"})) == Paths{"src/pkg/a.py"});
  CHECK(needs_of_first(with({"a.py", "python", "from .... import b\nfrom .\nimport\n"}, {"b.py"})).empty());
}

TEST_CASE("Java, Kotlin and Scala import classes and packages") {
  CHECK(needs_of_first(with({"src/a/A.java", "java",
                             "package a;\nimport java.util.List;\nimport b.c.D;\nimport static b.E.m;\nimport f.*;\n"},
                            {"src/b/c/D.java", "src/b/E.java", "src/f/G.java", "src/f/H.java", "src/List.java"})) ==
        Paths{"src/b/c/D.java", "src/b/E.java", "src/f/G.java", "src/f/H.java"});
  CHECK(needs_of_first({{"A.kt", "kotlin", "import b.C\n"}, {"x/b/C.kt", "kotlin", ""}}) == Paths{"x/b/C.kt"});
}

TEST_CASE("Go imports folders behind the module's name, without their tests") {
  const std::string text =
      "package main\nimport \"fmt\"\nimport (\n  // \"github.com/o/r/no\"\n  x \"github.com/o/r/pkg/x\"\n"
      "  _ \"github.com/o/r/y\"\n)\nvar s = \"github.com/o/r/z\"\n";
  CHECK(needs_of_first(with({"cmd/main.go", "go", text},
                            {"pkg/x/a.go", "pkg/x/a_test.go", "pkg/x/b.go", "y/c.go", "z/d.go", "no/e.go", "go/fmt/f.go"})) ==
        Paths{"pkg/x/a.go", "pkg/x/b.go", "y/c.go"});
}

TEST_CASE("Rust declares modules and uses paths in its crate, the parent and other crates") {
  const std::string text =
      "mod one; // mod no;\npub(crate) mod two;\nmod inline { }\nuse crate::{a::b::Thing, c};\nuse super::sibling::X;\n"
      "use std::fmt;\npub use other_crate::deep::{\n  Y,\n  Z,\n};\n";
  CHECK(needs_of_first(with({"core/src/m/mod.rs", "rust", text},
                            {"core/src/m/one.rs", "core/src/m/two/mod.rs", "core/src/a/b.rs", "core/src/c.rs", "no.rs",
                             "core/src/sibling.rs", "other-crate/src/deep.rs", "core/src/m/inline.rs", "core/src/lib.rs"})) ==
        Paths{"core/src/m/one.rs", "core/src/m/two/mod.rs", "core/src/a/b.rs", "core/src/c.rs", "core/src/sibling.rs",
              "other-crate/src/deep.rs"});
  CHECK(needs_of_first(with({"src/a.rs", "rust", "mod b;\nuse self::c::D;\nuse"}, {"src/a/b.rs", "src/a/c.rs"})) ==
        Paths{"src/a/b.rs", "src/a/c.rs"});
  CHECK(needs_of_first(with({"crates/core/flags/doc/help.rs", "rust", "use crate::flags::{defs::FLAGS};"},
                            {"crates/core/flags/defs.rs", "crates/other/flags/defs.rs"})) ==
        Paths{"crates/core/flags/defs.rs"});  // a crate whose root is not in src
}

TEST_CASE("JavaScript and TypeScript import relative names") {
  const std::string text =
      "import a from './a';\nimport '../b.js';\nexport * from \"./dir\";\nconst c = require('./c.json');\n"
      "const d = await import('./d');\nimport react from 'react';\n// import x from './x';\nconst s = './y';\n"
      "import {\n  z\n} from './z';\n";
  CHECK(needs_of_first(with({"src/main.ts", "typescript", text},
                            {"src/a.tsx", "b.ts", "src/dir/index.ts", "src/c.json", "src/d.js", "src/react.ts", "src/x.ts",
                             "src/y.ts", "src/z.ts"})) ==
        Paths{"src/a.tsx", "b.ts", "src/dir/index.ts", "src/c.json", "src/d.js", "src/z.ts"});
}

TEST_CASE("languages without rules refer to nothing, and broken text to what can be read") {
  CHECK(references("a.sh", "shell", "source ./b.sh\n").empty());
  for (const char* language : {"c", "python", "java", "go", "rust", "javascript"}) {
    for (const std::string text : {"", "import", "use", "from", "#include", "import (", "use {{{{,,,,", "mod", "'''",
                                   "\"", "import \"", "from . import", "use a::{b,{c::{d", "\\", "use ::;", "import ,;,"}) {
      CHECK_NOTHROW(references("a", language, text));
      CHECK_NOTHROW(references("", language, text + "\n"));
    }
  }
}

TEST_CASE("paths are joined inside the repository") {
  CHECK(joined_path("a/b", "../c/./d") == "a/c/d");
  CHECK(joined_path("", "x") == "x");
  CHECK(joined_path("a", "../../x").empty());
}

TEST_CASE("each file stands behind what it needs; in cycles the first met comes last") {
  CHECK(dependency_order({{}, {}, {}}) == std::vector<std::uint32_t>{0, 1, 2});
  CHECK(dependency_order({{2}, {0}, {}}) == std::vector<std::uint32_t>{2, 0, 1});
  CHECK(dependency_order({{1}, {2}, {0}, {1}}) == std::vector<std::uint32_t>{2, 1, 0, 3});
  CHECK(dependency_order({}).empty());
  std::vector<std::vector<std::uint32_t>> chain(200'000);  // no recursion
  for (std::uint32_t i = 0; i + 1 < chain.size(); ++i) chain[i] = {i + 1};
  CHECK(dependency_order(chain).front() == chain.size() - 1);
}

}  // namespace hearth::text::code
