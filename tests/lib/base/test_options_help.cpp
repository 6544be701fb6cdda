// SPDX-License-Identifier: Apache-2.0
// What the option table says of itself, to people, agents, man and bash.
#include "lib/base/json_value.h"
#include "lib/base/options.h"
#include "tests/lib/base/sample_command.h"
#include "tests/support/catch.h"

using namespace hearth;
using Form = HelpRequest::Form;

TEST_CASE("--help in full") {
  Sample s;
  CHECK(help_text(s.command, true) ==
        R"(Usage: hearth sample [OPTIONS] [INPUT...]
takes a sample

A sample is a command for tests.

Inputs:
  INPUT                         files to sample

Options:
  -o, --output FILE             where to write (required)
      --steps N                 number of steps (default 100)
      --limit N                 stop after N
      --rate R                  learning rate (default 0.1)
      --mode MODE               how to work: fast, exact (default fast)
      --tag TAG                 a tag; may be repeated
      --memory SIZE             memory to use (default 4096)

Common options:
      --json                    print JSON
  -j, --threads N               threads to use (default 0)
      --config FILE             read options from a file; may be repeated

Examples:
  # sample a folder
  hearth sample -o out.h5 docs
)");
}

TEST_CASE("-h is one screen: no details, common options or examples") {
  Sample s;
  const std::string text = help_text(s.command, false);
  CHECK(text.find("--steps N") != std::string::npos);
  CHECK(text.find("Common options") == std::string::npos);
  CHECK(text.find("A sample is") == std::string::npos);
  CHECK(text.find("Examples") == std::string::npos);
  std::string words;
  for (int i = 0; i < 20; ++i) words += "word ";
  bool field = false;
  s.command.group("More");
  s.command.flag("long", &field, words);
  const std::string brief = help_text(s.command, false);
  const std::size_t start = brief.find("      --long");
  CHECK(brief.substr(start, brief.find('\n', start) - start) ==
        "      --long                    word word word word word word word word word word word word word ...");
}

TEST_CASE("long explanations wrap at 100 columns, under themselves") {
  int field = 0;
  Command c("wrap", "wraps");
  std::string words;
  for (int i = 0; i < 40; ++i) words += (i ? " word" : "word") + std::to_string(i);
  c.option("a-very-long-option-name-indeed", &field, "NUMBER", words);
  const std::string text = help_text(c, true);
  std::size_t start = 0;
  for (std::size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1) CHECK(end - start <= 100);
  CHECK(text.find("NUMBER\n                                word0") != std::string::npos);
}

TEST_CASE("--help=json is a schema of the options") {
  Sample s;
  const Json schema = help_json(s.command);
  CHECK(schema["title"] == "hearth sample");
  CHECK(dump_json(schema["required"]) == R"(["output"])");
  CHECK(schema["additionalProperties"] == false);
  const Json& options = schema["properties"];
  CHECK(dump_json(options["steps"]) ==
        R"({"type":"integer","minimum":1.0,"maximum":1000000.0,"description":"number of steps","default":100,"value_name":"N"})");
  CHECK(dump_json(options["mode"]) ==
        R"({"type":"string","enum":["fast","exact"],"description":"how to work","default":"fast","value_name":"MODE"})");
  CHECK(dump_json(options["tag"]) ==
        R"({"type":"array","items":{"type":"string"},"description":"a tag","default":[],"value_name":"TAG"})");
  CHECK(dump_json(options["memory"]["type"]) == R"(["integer","string"])");
  CHECK(options["json"]["type"] == "boolean");
  CHECK(options["threads"]["short"] == "-j");
  CHECK_FALSE(options["limit"].contains("default"));
  CHECK(schema["inputs"][0]["name"] == "INPUT");
  CHECK(schema["exit_codes"]["75"] == "stopped early after a good checkpoint, run again");
}

TEST_CASE("subcommands appear in help, schema, man page and completion") {
  int steps = 0;
  Command c("tool", "does things");
  c.subcommand(Command("tool train", "trains")).option("steps", &steps, "N", "steps");
  CHECK(help_text(c, true).find("  train                         trains\n") != std::string::npos);
  CHECK(help_text(c, true).starts_with("Usage: hearth tool COMMAND [OPTIONS]\n"));
  CHECK(help_json(c)["commands"]["train"]["properties"].contains("steps"));
  CHECK(man_page(c).find(".SH train\n") != std::string::npos);
  CHECK(bash_completion({&c}).find("    tool) words=\"train --steps \" ;;\n") != std::string::npos);
}

TEST_CASE("the man page: sections in order, nothing taken for a roff command") {
  Sample s;
  s.command.details = ".TH is text here\n'so is this";
  const std::string page = man_page(s.command);
  CHECK(page.starts_with(".TH \"hearth-sample\" 1"));
  std::size_t at = 0;
  for (const char* section : {".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS", ".SH EXIT STATUS", ".SH EXAMPLES"}) {
    const std::size_t found = page.find(section, at);
    REQUIRE(found != std::string::npos);
    at = found;
  }
  CHECK(page.find("\\&.TH is text here\n\\&'so is this\n") != std::string::npos);
  CHECK(page.find(".B \\-o, \\-\\-output FILE\nwhere to write (required)\n") != std::string::npos);
}

TEST_CASE("which help is asked for") {
  CHECK(help_requested({"a", "-h"}).form == Form::brief);
  CHECK(help_requested({"--help"}).form == Form::full);
  CHECK(help_requested({"--help=json"}).form == Form::json);
  CHECK(help_requested({"--help=man"}).form == Form::man);
  CHECK(help_requested({"--help=completion"}).form == Form::completion);
  CHECK(help_requested({"--", "--help"}).form == Form::none);
  CHECK(help_requested({"help"}).form == Form::none);
  CHECK_THROWS_AS(help_requested({"--help=xml"}), Error);
}
