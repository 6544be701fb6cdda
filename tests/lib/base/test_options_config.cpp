// SPDX-License-Identifier: Apache-2.0
// Config files: what --config reads, what --print-config writes, and that one reads the other.
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/options.h"
#include "tests/lib/base/sample_command.h"
#include "tests/support/catch.h"

using namespace hearth;
using Words = std::vector<std::string>;

namespace {

// Parses `-o x --config FILE` with the file's text, into sample.
void configure(Sample& sample, const std::string& text) {
  const TemporaryFolder folder;
  write_file(folder / "c.conf", text);
  parse_options(sample.command, {"-o", "x", "--config", (folder / "c.conf").string()});
}

// The error of a config file, its path cut to "c.conf".
std::string refusal(const std::string& text) {
  Sample sample;
  try {
    configure(sample, text);
  } catch (const Error& error) {
    CHECK(error.kind() == Kind::config);
    const std::string message = error.what();
    return message.substr(message.find("c.conf:"));
  }
  return "(accepted)";
}

}  // namespace

TEST_CASE("keys, comments, quotes, sections and repeated lines of a config file") {
  Sample s;
  configure(s,
            "# a comment\r\n\n steps = 7 \nmode=exact\n tag = one\ntag = \"two \\\"2\\\"\"\n"
            "[sample]\nrate = 0.25\njson = yes\n[other]\nnonsense = 1\nsteps = 9\n");
  CHECK(s.steps == 7);
  CHECK(s.mode == "exact");
  CHECK(s.tags == Words{"one", "two \"2\""});
  CHECK(s.rate == 0.25);
  CHECK(s.json);
}

TEST_CASE("a wrong config file is told the line, and what is near") {
  CHECK(refusal("\nstpes = 3\n") == "c.conf:2: unknown key 'stpes'; did you mean 'steps'?");
  CHECK(refusal("steps\n") == "c.conf:1: expected 'key = value'");
  CHECK(refusal("[sample\n") == "c.conf:1: a section is written [name]");
  CHECK(refusal("steps = 0\n") == "c.conf:1: steps must be at least 1 and at most 1000000, got 0");
  CHECK(refusal("steps = 1\nsteps = 2\n") == "c.conf:2: 'steps' is given twice");
  CHECK(refusal("config = x\n") == "c.conf:1: unknown key 'config'");
  CHECK(refusal("mode = slow\n") == "c.conf:1: mode expects one of fast, exact; got 'slow'");
  CHECK(refusal("mode = \"fast\n").starts_with("c.conf:1:"));
}

TEST_CASE("a missing config file is a missing input") {
  Sample s;
  try {
    parse_options(s.command, {"-o", "x", "--config", "/nonexistent/c.conf"});
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == Kind::missing);
    CHECK(std::string(error.what()) == "/nonexistent/c.conf: No such file or directory");
  }
}

TEST_CASE("the later of two config files wins, the command line over both") {
  const TemporaryFolder folder;
  write_file(folder / "a", "steps = 1\nrate = 1\nmemory = 1\ntag = a\n");
  write_file(folder / "b", "steps = 2\nrate = 2\ntag = b\n");
  Sample s;
  parse_options(s.command, {"--config", (folder / "a").string(), "--config", (folder / "b").string(), "--steps", "3", "-o", "x"});
  CHECK(s.steps == 3);
  CHECK(s.rate == 2);
  CHECK(s.memory == 1);
  CHECK(s.tags == Words{"b"});
}

TEST_CASE("a tool's section speaks to its subcommands") {
  const TemporaryFolder folder;
  write_file(folder / "c", "[tool]\nsteps = 4\n[tool train]\nrate = 4\n[tool encode]\nrate = 5\n[toolbox]\nsteps = 6\n");
  std::int64_t steps = 0;
  double rate = 0;
  std::vector<std::string> config;
  Command c("tool", "does");
  Command& sub = c.subcommand(Command("tool train", "trains"));
  sub.option("steps", &steps, "N", "steps");
  sub.option("rate", &rate, "R", "rate");
  sub.option("config", &config, "FILE", "config").not_in_config();
  parse_options(c, {"train", "--config", (folder / "c").string()});
  CHECK(steps == 4);
  CHECK(rate == 4);
}

TEST_CASE("what --print-config prints, --config reads back") {
  Sample first;
  parse_options(first.command, {"--steps", "12", "--rate", "0.1", "--limit", "3", "--tag", "a b", "--tag", "\"q\" # not a comment",
                                "--memory", "2G", "--mode", "exact", "--json", "-o", "out = \xC3\xA9"});
  const std::string printed = config_text(first.command);
  CHECK(printed ==
        "[sample]\noutput = \"out = \xC3\xA9\"\nsteps = 12\nlimit = 3\nrate = 0.1\nmode = \"exact\"\ntag = \"a b\"\n"
        "tag = \"\\\"q\\\" # not a comment\"\nmemory = 2147483648\njson = true\nthreads = 0\n");
  const TemporaryFolder folder;
  write_file(folder / "c.conf", printed);
  Sample second;
  parse_options(second.command, {"--config", (folder / "c.conf").string()});
  CHECK(config_text(second.command) == printed);
}

TEST_CASE("what is stored in outputs holds options and inputs, typed") {
  Sample s;
  parse_options(s.command, {"-o", "x", "in"});
  CHECK(dump_json(config_json(s.command)) ==
        R"({"output":"x","steps":100,"limit":null,"rate":0.1,"mode":"fast","tag":[],"memory":4096,"json":false,"threads":0,"INPUT":["in"]})");
}
