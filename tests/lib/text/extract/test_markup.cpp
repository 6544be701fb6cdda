// SPDX-License-Identifier: Apache-2.0
// The readers of markup languages, on small files that use what each language has; and what hostile input does to them.
#include <string>

#include "lib/base/file.h"
#include "lib/text/encoding.h"
#include "lib/text/extract.h"
#include "tests/support/catch.h"

namespace hearth::text {
namespace {

struct Read {
  std::string type, text, reason, detail;
};

Read read(const std::string& name, std::string bytes) {
  Candidate candidate;
  const auto rejection = extract_file(std::move(bytes), name, candidate);
  return {candidate.document.type, candidate.document.text, rejection ? rejection->reason : "",
          rejection ? rejection->detail : ""};
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST_CASE("Files in markup languages become the text that stands beside them") {
  struct Case {
    const char *file, *type;
  };
  const Case cases[] = {
      {"hive.1", "man"}, {"hive.3", "man"}, {"hive.rst", "rst"}, {"hive.tex", "latex"}, {"hive.rtf", "rtf"}};
  for (const Case& each : cases) {
    INFO(each.file);
    const std::string path = std::string(HEARTH_SOURCE_DIR) + "/tests/golden/extract/markup/" + each.file;
    const Read got = read(each.file, read_file(path));
    CHECK(got.reason.empty());
    CHECK(got.type == each.type);
    CHECK(got.text == read_file(path + ".text"));
  }
}

TEST_CASE("A manual page that stands for another is rejected, and the names of sections do not suffice") {
  const Read link = read("other.3", ".\\\" a comment\n.so man3/hive.3\n");
  CHECK(link.reason == "man-link");
  CHECK(link.detail == "stands for man3/hive.3");
  CHECK(read("empty.1", ".TH A 1\n.\\\" nothing\n").text == "# A(1)\n");
  CHECK(read("notes.1", "The first notes.\n").type == "text");
  CHECK(read("a.man", ".SH x\n.TH A 1\n").type == "man");
}

TEST_CASE("Macros that call themselves, strings that grow and endless enclosures end") {
  CHECK(read("a.1", ".TH A 1\n.de X\nword\n.X\n..\n.X\n").text.size() < 1000);
  const std::string doubling = repeated(".as X \\*X\\*X\n", 64);
  CHECK(read("a.1", ".TH A 1\n.ds X abcdefgh\n" + doubling + "\\*X\n").text.size() < 200'000);
  CHECK(read("a.1", ".TH A 1\n" + repeated(".RS\n.IP a\n", 3000) + "x\n").text.size() < 200'000);
  CHECK(!read("a.3", ".Dd x\n.Dt A 3\n." + repeated("Op ", 20'000) + "x\n").text.empty());
  CHECK(read("a.1", ".TH A 1\n.if " + repeated("(", 10'000) + "1 x\n" + repeated(".ie 1 \\{\n", 5000)).reason.empty());
}

TEST_CASE("reStructuredText that nests, or opens what it does not close, is text still") {
  CHECK(read("a.rst", "x ``open *and |more `text\n").text == "x ``open *and |more `text\n");
  std::string nested;
  for (int i = 0; i < 2000; ++i) nested += std::string(static_cast<std::size_t>(i), ' ') + "* a\n";
  CHECK(read("a.rst", nested).text.size() < 10 * nested.size());
  CHECK(read("a.rst", ".. only a comment\n").reason == "no-text");
  CHECK(read("a.rst", "+--+\n| a|\n").text == "a\n");
  CHECK(read("a.rst", repeated("`a *b **c ``d |e :f:`g ", 20'000)).reason.empty());
}

TEST_CASE("LaTeX macros that call themselves end, and files of macros are code") {
  const std::string begin = "\\documentclass{a}\n\\newcommand{\\x}{a \\x\\x b}\n\\begin{document}\n";
  CHECK(read("a.tex", begin + "\\x text\\end{document}").text.size() < 100'000);
  CHECK(read("a.tex", "\\section{" + repeated("\\footnote{", 20'000)).text.size() < 400'000);
  CHECK(read("a.tex", "\\section{a}\n" + repeated("$\\verb|\\(\\[\\iffalse ", 10'000)).reason.empty());
  CHECK(read("a.tex", "\\newcommand{\\x}{y}\n").type == "code");
  Candidate candidate;
  REQUIRE(!extract_file("\\title{T}\\section{a}\\input{b.tex}", "a.tex", candidate));
  CHECK(candidate.document.attributes.find(R"("title":"T","inputs":["b.tex"])") != std::string::npos);
}

TEST_CASE("RTF is read by its content, whatever its groups and lengths say") {
  CHECK(read("a.doc", "{\\rtf1 x}").type == "rtf");
  CHECK(read("a.rtf", "not rich").type == "text");
  CHECK(read("a.rtf", "{\\rtf1 " + repeated("{", 100'000) + "x").text == "x\n");
  CHECK(read("a.rtf", "{\\rtf1 a\\bin99999999 {\\par").text == "a\n");
  CHECK(read("a.rtf", "{\\rtf1 \\u-10179?\\u-8704? \\u55357?x}").text == "\xf0\x9f\x98\x80 x\n");
  CHECK(read("a.rtf", "{\\rtf1\\ansicpg99999 \\'e9 \\'zz}").text == "é zz\n");
  CHECK(read("a.rtf", "{\\rtf1{\\*\\pict 00}}").reason == "no-text");
}

}  // namespace
}  // namespace hearth::text
