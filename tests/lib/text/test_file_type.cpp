// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>

#include "lib/text/extract.h"
#include "lib/text/file_type.h"
#include "lib/text/languages.h"
#include "tests/support/catch.h"

namespace hearth::text {

TEST_CASE("type and language by name and content") {
  struct Case {
    const char *name, *text, *type, *language;
  };
  const Case cases[] = {
      {"notes.txt", "hello", "text", ""},
      {"README", "Read me first.", "text", ""},
      {"README.md", "# hi", "markdown", ""},
      {"page.HTML", "<p>", "html", ""},
      {"page", "<!DOCTYPE html><p>", "html", ""},
      {"page.xml", "<?xml version='1.0'?>\n<!DOCTYPE html>", "code", "xml"},
      {"page.php", "<?php echo 1;", "code", "php"},
      {"data.jsonl", "{}", "jsonl", ""},
      {"guide.rst", "Title\n=====", "rst", ""},
      {"paper.tex", "% mine\n\\documentclass{article}", "latex", ""},
      {"macros.tex", "\\def\\x{y}", "code", "latex"},
      {"ls.1", ".TH LS 1", "man", ""},
      {"notes.1", "first of all", "text", ""},
      {"strings.ts", "<?xml version='1.0'?><!DOCTYPE TS><TS>", "code", "xml"},
      {"app.ts", "const x: number = 1", "code", "typescript"},
      {"a.py", "", "code", "python"},
      {"a.PY", "", "code", "python"},
      {"a.rs", "", "code", "rust"},
      {"a.f90", "", "code", "fortran"},
      {"a.cu", "", "code", "cuda"},
      {"CMakeLists.txt", "", "code", "cmake"},
      {"Makefile", "", "code", "makefile"},
      {"Dockerfile", "", "code", "dockerfile"},
      {"x.h", "#ifndef X\nint f(void);\n", "code", "c"},
      {"x.h", "#pragma once\nnamespace a {\n", "code", "c++"},
      {"x.h", "/* std::vector is meant */\n#define A 1\n", "code", "c"},
      {"x.C", "", "code", "c++"},
      {"x.c", "", "code", "c"},
      {"x.m", "#import <a.h>\n", "code", "objective-c"},
      {"x.m", "function y = f(x)\n", "code", "matlab"},
      {"x.pl", ":- module(a, []).\n", "code", "prolog"},
      {"x.pl", "use strict;\n", "code", "perl"},
      {"x.pp", "unit a;\n", "code", "pascal"},
      {"x.pp", "class a {\n", "code", "puppet"},
      {"x.pp", "package { 'ntp':\n  ensure => installed,\n}\n", "code", "puppet"},
      {"x.pp", "Program Hello;\nBegin\n  x := 1;\nEnd.\n", "code", "pascal"},
      {"x.pp", "#![feature(prelude_import)]\nextern crate std;\n", "code", "rust"},
      {"x.pp", "#[prelude_import]\nuse ::std::prelude::rust_2015::*;\n\npub fn bar() { let x = 1; }\n", "code", "rust"},
      {"x.pp", "A letter about class and unit, and nothing that runs.\n", "text", ""},
      {"x.inc", "{$ifdef unix}\n", "code", "pascal"},
      {"x.inc", "; macros\n%macro ALIGN 1\n", "code", "assembly"},
      {"x.inc", "static const int table[] = {\n  1, 2,\n};\n", "code", "c"},
      {"x.inc", "<?php\n$x = 1;\n", "code", "php"},
      {"x.inc", "The text that several pages include.\n", "text", ""},
      {"x.v", "Theorem a : True.\n", "code", "coq"},
      {"x.v", "module a;\n", "code", "verilog"},
      {"vector", "// <vector> -*- C++ -*-\n", "code", "c++"},
      {"QString", "#include \"qstring.h\"\n", "code", "c++"},
      {"README", "Write this:\n\n  #include <a.h>\n", "text", ""},
      {"detail", "/* a\n * b */\n// c\n#pragma once\n", "code", "c++"},
      {"table.inc", "/* made by a program */\n#ifdef A\nA(1)\n#endif\n", "code", "c"},
      {"table.inc", "{$ifdef A}\n", "code", "pascal"},
      {"words.def", "apple pear\n", "text", ""},
      {"run", "#!/usr/bin/env python3\n", "code", "python"},
      {"run", "#!/bin/sh -e\n", "code", "shell"},
      {"run", "#!/usr/bin/env -S FOO=1 node\n", "code", "javascript"},
      {"run", "#!/opt/unheard-of\n", "text", ""},
      {"run", "text\nvim: set ft=python:\n", "code", "python"},
      {"run", "-*- mode: Emacs-Lisp; x: y -*-\n", "code", "emacs lisp"},
      {".hidden", "words", "text", ""},
      {"trailing.", "words", "text", ""},
      {"archive.unknown", "#include <a>\n", "text", ""},
  };
  for (const Case& each : cases) {
    INFO(each.name << ": " << each.text);
    const TypeAndLanguage got = file_type(each.name, each.text);
    CHECK(name_of(got.type) == each.type);
    CHECK(got.language == each.language);
  }
}

TEST_CASE("the table of languages is sound") {
  std::set<std::string_view> names;
  for (const Language& language : languages()) {
    CHECK(names.insert(language.name).second);
    CHECK(language.extensions.size() + language.file_names.size() > 0);
    CHECK(language_of_mode(language.name) == language.name);
  }
  CHECK(names.size() >= 80);
}

TEST_CASE("names without their compression") {
  CHECK(plain_file_name("a/b.txt.gz") == "b.txt");
  CHECK(plain_file_name("b.jsonl.zst") == "b.jsonl");
  CHECK(plain_file_name(".gz") == ".gz");
  CHECK(plain_file_name("a") == "a");
  CHECK(has_compression_suffix("a/b.gz"));
  CHECK(!has_compression_suffix("b.gz/a"));
}

TEST_CASE("SPDX tags") {
  CHECK(spdx_license("// SPDX-License-Identifier: Apache-2.0\n") == "Apache-2.0");
  CHECK(spdx_license("/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */") ==
        "(GPL-2.0 WITH Linux-syscall-note) OR MIT");
  CHECK(spdx_license("<!-- SPDX-License-Identifier: MIT -->") == "MIT");
  CHECK(spdx_license("SPDX-License-Identifier: ${license}\n").empty());
  CHECK(spdx_license(std::string(5000, ' ') + "SPDX-License-Identifier: MIT").empty());
}

TEST_CASE("a file becomes a document") {
  Candidate candidate;
  CHECK(!extract_file("// SPDX-License-Identifier: MIT\r\nint caf\xe9;\r\n", "a.c", candidate));
  CHECK(candidate.document.text == "// SPDX-License-Identifier: MIT\nint café;\n");
  CHECK(candidate.document.type == "code");
  CHECK(candidate.document.language == "c");
  CHECK(candidate.document.license == "MIT");
  CHECK(candidate.document.attributes == R"({"encoding":"windows-1252"})");
  CHECK(candidate.repairs.line_ends);
  CHECK(candidate.read_bytes == 44);
}

TEST_CASE("a record becomes a document, or says why not") {
  struct Case {
    std::string line, text, attributes, own_id, reason, detail;
  };
  const Case cases[] = {
      {R"({"text":"a\r\nb","id":7,"n":1,"tags":["x"]})", "a\nb", R"({"n":1,"tags":["x"]})", "7", "", ""},
      {R"({"id":"k-1","text":"e\u0301"})", "\u00e9", "{}", "k-1", "", ""},
      {"{\"text\":\"caf\xe9\"}", "café", "{}", "", "", ""},
      {R"({"text":"a")", "", "", "", "bad-json", "column 12"},
      {R"(["text"])", "", "", "", "bad-json", "an object, got array"},
      {R"({"body":"a"})", "", "", "", "no-text-field", "'text' is missing"},
      {R"({"text":3})", "", "", "", "no-text-field", "'text' is number"},
      {R"({"text":"a","id":")" + std::string(1024, 'x') + "\"}", "a", "{}", std::string(1024, 'x'), "", ""},
      {R"({"text":"a","id":")" + std::string(1025, 'x') + "\"}", "", "", "", "bad-id", "'id' is 1025 bytes long"},
      {R"({"text":"a","x":)" + std::string(200000, '['), "", "", "", "bad-json", "nested deeper than 1000"},
      {std::string("\0\1\2\3", 4), "", "", "", "not-text", "4 of 4"},
  };
  for (const Case& each : cases) {
    INFO(each.line);
    Candidate candidate;
    const auto rejection = extract_record(each.line, {"text", "id"}, candidate);
    CHECK((rejection ? rejection->reason : "") == each.reason);
    if (rejection) {
      CHECK(rejection->detail.find(each.detail) != std::string::npos);
      continue;
    }
    CHECK(candidate.document.text == each.text);
    CHECK(candidate.document.attributes == each.attributes);
    CHECK(candidate.own_id == each.own_id);
    CHECK(candidate.document.type == "jsonl");
  }
}

}  // namespace hearth::text
