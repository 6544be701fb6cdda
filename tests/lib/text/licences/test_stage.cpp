// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/file.h"
#include "lib/text/licences/licence_stage.h"
#include "tests/support/catch.h"

namespace hearth::text::licences {
namespace {

struct Tree {
  fs::path root = fs::temp_directory_path() / ("hearth-licences-" + std::to_string(::getpid()));
  Tree() { fs::remove_all(root); }
  ~Tree() { fs::remove_all(root); }
  std::string write(const std::string& name, const std::string& text) const {
    fs::create_directories((root / name).parent_path());
    write_file(root / name, text);
    return (root / name).string();
  }
};

Candidate code(std::string text, std::string path = "") {
  Candidate candidate;
  candidate.document.type = "code";
  candidate.document.text = std::move(text);
  candidate.path = std::move(path);
  return candidate;
}

const std::string mpl = "Under the Mozilla Public License, v. 2.0.";

}  // namespace

TEST_CASE("a file has the licence of the nearest licence file, up to the input") {
  const Tree tree;
  tree.write("LICENSE", "released under the ISC license");
  tree.write("in/COPYING.md", mpl);
  tree.write("in/lib/unlike/LICENSE.txt", "Do as you please; this license is nobody's.");
  tree.write("in/rust/license-mit", "the MIT license");
  tree.write("in/rust/LICENSE-APACHE", "Apache License, Version 2.0");
  tree.write("in/gnu/COPYING", "GNU General Public License version 3, 29 June 2007");
  tree.write("in/gnu/COPYING.LESSER", "GNU Lesser General Public License version 3, 29 June 2007");
  fs::create_directories(tree.root / "in/folder/LICENSE");
  const Recogniser recogniser;
  const std::string input = (tree.root / "in/").string();
  const FolderLicences folders(recogniser, {input}, false);
  const auto of = [&](const std::string& name) { return folders.of((tree.root / name).string()).licence; };
  CHECK(of("in/a.c") == "MPL-2.0");
  CHECK(of("in/lib/deep/er/a.c") == "MPL-2.0");
  CHECK(of("in/folder/a.c") == "MPL-2.0");
  CHECK(of("in/lib/../lib/a.c") == "MPL-2.0");
  CHECK(of("in/lib/unlike/a.c").empty());
  CHECK(of("in/lib/unlike/b/a.c").empty());
  CHECK(of("in/rust/a.rs") == "Apache-2.0 OR MIT");
  CHECK(of("in/gnu/a.c") == "LGPL-3.0-only");
  CHECK(folders.of(input + "lib/a.c").file == (tree.root / "in/COPYING.md").string());
  const FolderLicences inner(recogniser, {(tree.root / "in/lib").string()}, false);
  CHECK(inner.of((tree.root / "in/lib/a.c").string()).file.empty());
  const FolderLicences one(recogniser, {tree.write("in/lib/a.c", "")}, false);
  CHECK(one.of((tree.root / "in/lib/a.c").string()).file.empty());
}

TEST_CASE("folders are asked about on many threads") {
  const Tree tree;
  tree.write("LICENSE", mpl);
  const Recogniser recogniser;
  const FolderLicences folders(recogniser, {tree.root.string()}, false);
  std::vector<int> right(4, 0);
  std::vector<std::thread> threads;
  for (int& n : right) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        const std::string path = (tree.root / std::to_string(i % 50) / "x" / "a.c").string();
        n += folders.of(path).licence == "MPL-2.0" ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right == std::vector<int>(4, 200));
}

TEST_CASE("the stage finds, inherits and judges") {
  const Tree tree;
  const std::string path = tree.write("src/a.c", "int a;");
  tree.write("LICENSE", mpl);
  const LicenceStage stage({.deny = {"MPL-*", "LicenseRef-*"}}, {tree.root.string()}, false);
  Candidate inherits = code("int a;", path);
  const auto rejection = stage.decide(inherits);
  REQUIRE(rejection);
  CHECK(rejection->reason == "license");
  CHECK(rejection->detail == "MPL-2.0 is denied (--deny-license 'MPL-*')");
  CHECK(inherits.document.attributes == R"({"license_from":"../LICENSE"})");
  Candidate own = code("// Released under the MIT license.", path);
  CHECK_FALSE(stage.decide(own));
  CHECK(own.document.license == "MIT");
  CHECK(own.document.attributes == "{}");
  Candidate tagged = code("// Released under the MIT license.", path);
  tagged.document.license = "MPL-1.1";
  CHECK(stage.decide(tagged));
  CHECK(tagged.document.license == "MPL-1.1");
  Candidate member = code("int a;");
  CHECK_FALSE(stage.decide(member));
  CHECK(member.document.license.empty());
  Candidate reserved = code("// Copyright X. All rights reserved.", path);
  stage.decide(reserved);
  CHECK(reserved.document.license == "MPL-2.0");
  Candidate lonely = code("// Copyright X. All rights reserved.");
  CHECK(stage.decide(lonely));
  Candidate late = code(std::string(16384, ' ') + "// Released under the MIT license.");
  stage.decide(late);
  CHECK(late.document.license.empty());
}

TEST_CASE("what has no licence, and what is no code") {
  const LicenceStage strict({.allow = {"MIT"}, .unknown = "drop"}, {}, false);
  Candidate unknown = code("int a;"), prose = code("Under the MPL 2.0");
  prose.document.type = "text";
  CHECK(strict.decide(unknown)->detail == "no license is known (--license-unknown drop)");
  CHECK_FALSE(strict.decide(prose));
  const LicenceStage all({.allow = {"MIT"}, .unknown = "drop", .scope = "all"}, {}, false);
  CHECK(all.decide(prose));
}

}  // namespace hearth::text::licences
