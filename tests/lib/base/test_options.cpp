// SPDX-License-Identifier: Apache-2.0
// The option table: what a command line may say, what it is told when it is wrong, and who wins when several speak.
#include "lib/base/options.h"

#include <cstdlib>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "tests/lib/base/sample_command.h"
#include "tests/support/catch.h"

using namespace hearth;
using Words = std::vector<std::string>;

namespace {

// The message of the error that parsing throws, after checking its kind.
std::string refusal(const Words& words, Kind kind = Kind::usage) {
  Sample sample;
  try {
    parse_options(sample.command, words);
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.what();
  }
  return "(accepted)";
}

Sample& parsed(Sample& sample, const Words& words) {
  parse_options(sample.command, words);
  return sample;
}

class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Environment() { ::unsetenv(name_); }

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("options reach their fields in every spelling") {
  Sample s;
  parsed(s, {"--steps", "12", "--rate=0.5", "--json", "-o", "out.h5", "--tag", "a", "--tag=b", "--memory", "1.5GiB",
             "--mode", "fast", "one", "two"});
  CHECK(s.steps == 12);
  CHECK(s.rate == 0.5);
  CHECK(s.json);
  CHECK(s.output == "out.h5");
  CHECK(s.tags == Words{"a", "b"});
  CHECK(s.memory == 1610612736u);
  CHECK(s.mode == "fast");
  CHECK(s.inputs == Words{"one", "two"});
  CHECK(s.command.given("steps"));
  CHECK_FALSE(s.command.given("limit"));
}

TEST_CASE("options and inputs may be mixed, -- ends options, - is an input") {
  Sample s;
  parsed(s, {"one", "--output", "-", "-", "--", "--steps", "-h"});
  CHECK(s.output == "-");
  CHECK(s.inputs == Words{"one", "-", "--steps", "-h"});
}

TEST_CASE("a flag is unset by its --no- form") {
  Sample s;
  s.json = true;
  parsed(s, {"--no-json", "-o", "x"});
  CHECK_FALSE(s.json);
}

TEST_CASE("a negative number is a value, not an option") {
  Sample s;
  CHECK(parsed(s, {"-o", "x", "--rate", "-0.25"}).rate == -0.25);
}

TEST_CASE("an option that is not given leaves its default; a given list replaces its default") {
  Sample s;
  s.tags = {"default"};
  CHECK(parsed(s, {"-o", "x"}).tags == Words{"default"});
  CHECK(parsed(s, {"-o", "x", "--tag", "mine"}).tags == Words{"mine"});
}

TEST_CASE("a wrong command line is told what is wrong and what is near") {
  const std::string help = "\nTry 'hearth sample --help'.";
  struct Case {
    Words words;
    std::string message;
  };
  const Case cases[] = {
      {{"-o", "x", "--stpes", "3"}, "unknown option '--stpes'; did you mean '--steps'?"},
      {{"-o", "x", "--stpes=3"}, "unknown option '--stpes'; did you mean '--steps'?"},
      {{"-o", "x", "--hlep"}, "unknown option '--hlep'; did you mean '--help'?"},
      {{"-o", "x", "--zzzzzzzzz"}, "unknown option '--zzzzzzzzz'"},
      {{"-o", "x", "-z"}, "unknown option '-z'"},
      {{"-o", "x", "--steps"}, "--steps needs a value"},
      {{"-o", "x", "--steps="}, "--steps needs a value"},
      {{"-o", "x", "--json=yes"}, "--json takes no value"},
      {{"-o", "x", "--steps", "many"}, "--steps expects a whole number, got 'many'"},
      {{"-o", "x", "--steps", "1.5"}, "--steps expects a whole number, got '1.5'"},
      {{"-o", "x", "--steps", "99999999999"}, "--steps must be at least 1 and at most 1000000, got 99999999999"},
      {{"-o", "x", "--steps", "0"}, "--steps must be at least 1 and at most 1000000, got 0"},
      {{"-o", "x", "--steps", "1", "--steps", "2"}, "--steps is given more than once"},
      {{"-o", "x", "--rate", "nan"}, "--rate expects a finite number, got 'nan'"},
      {{"-o", "x", "--rate", "inf"}, "--rate expects a finite number, got 'inf'"},
      {{"-o", "x", "--rate", "1,5"}, "--rate expects a number, got '1,5'"},
      {{"-o", "x", "--memory", "5Q"}, "--memory expects a size such as 512M or 4GiB, got '5Q'"},
      {{"-o", "x", "--memory", "-1"}, "--memory expects a size such as 512M or 4GiB, got '-1'"},
      {{"-o", "x", "--mode", "fsat"}, "--mode expects one of fast, exact; got 'fsat' (did you mean 'fast'?)"},
      {{"one"}, "--output FILE is missing (where to write)"},
  };
  for (const Case& each : cases) CHECK(refusal(each.words) == each.message + help);
}

TEST_CASE("abbreviations are refused") {
  CHECK(refusal({"-o", "x", "--step", "3"}).starts_with("unknown option '--step'; did you mean '--steps'?"));
  CHECK(refusal({"--out", "x"}).starts_with("unknown option '--out'; did you mean '--output'?"));
}

TEST_CASE("inputs: too many, too few") {
  std::string only;
  const auto parse = [&](const Words& words) {
    Command c("pick", "picks");
    c.positional("INPUT", &only, "the input").must();
    try {
      parse_options(c, words);
      return std::string("(accepted)");
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  CHECK(parse({}) == "INPUT is missing\nTry 'hearth pick --help'.");
  CHECK(parse({"a", "b"}) == "unexpected argument 'b'\nTry 'hearth pick --help'.");
  CHECK(parse({"a"}) == "(accepted)");
  CHECK(only == "a");
}

TEST_CASE("sizes are powers of 1024 in every spelling") {
  const std::pair<const char*, std::uint64_t> cases[] = {
      {"0", 0}, {"4096", 4096}, {"4k", 4096}, {"4K", 4096}, {"4KB", 4096}, {"4KiB", 4096}, {"7B", 7},
      {"1e9", 1000000000u}, {"2M", 2u << 20}, {"3G", 3ull << 30}, {"1T", 1ull << 40}, {"0.5P", 1ull << 49}};
  for (const auto& [text, bytes] : cases) {
    Sample s;
    CHECK(parsed(s, {"-o", "x", "--memory", text}).memory == bytes);
  }
}

TEST_CASE("counts are powers of 1000, and bytes are no unit of theirs") {
  std::uint64_t tokens = 0;
  Command c("train", "trains");
  c.count("tokens", &tokens, "N", "tokens");
  const std::pair<const char*, std::uint64_t> cases[] = {
      {"32768", 32768}, {"32k", 32000}, {"30M", 30000000}, {"1.5G", 1500000000}, {"2e9", 2000000000}};
  for (const auto& [text, expected] : cases) {
    parse_options(c, {"--tokens", text});
    CHECK(tokens == expected);
  }
  for (const char* text : {"3B", "3MiB", "3MB", "-1", "many", ""}) CHECK_THROWS_AS(parse_options(c, {"--tokens", text}), Error);
}

TEST_CASE("the whole range of a 64-bit seed is read exactly") {
  std::uint64_t seed = 0;
  Command c("seed", "seeds");
  c.option("seed", &seed, "N", "seed");
  parse_options(c, {"--seed", "18446744073709551615"});
  CHECK(seed == 18446744073709551615u);
}

TEST_CASE("a subcommand is chosen by the first word") {
  std::string chosen;
  Command c("tool", "does");
  for (const char* name : {"tool train", "tool encode"}) {
    Command sub(name, "one of two");
    sub.run = [&chosen, name](const Command&) { return chosen = name, 0; };
    c.subcommand(std::move(sub));
  }
  const auto message = [&](const Words& words) {
    try {
      Command& picked = parse_options(c, words);
      picked.run(picked);
      return "ran " + chosen;
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  CHECK(message({"train"}) == "ran tool train");
  CHECK(message({"encode"}) == "ran tool encode");
  CHECK(message({}) == "which of train, encode?\nTry 'hearth tool --help'.");
  CHECK(message({"--steps"}) == "which of train, encode?\nTry 'hearth tool --help'.");
  CHECK(message({"trian"}) == "there is no 'tool trian'; did you mean 'train'?\nTry 'hearth tool --help'.");
}

TEST_CASE("the command line wins over the environment, which wins over config files and defaults") {
  const TemporaryFolder folder;
  write_file(folder / "a.conf", "threads = 5\nsteps = 5\n");
  const std::string config = (folder / "a.conf").string();
  const Environment variable("HEARTH_THREADS", "3");
  Sample by_line, by_environment;
  CHECK(parsed(by_line, {"-o", "x", "--threads", "2", "--config", config}).threads == 2);
  CHECK(parsed(by_environment, {"-o", "x", "--config", config}).threads == 3);
  CHECK(by_environment.steps == 5);
}

TEST_CASE("an environment variable is held to the option's range") {
  const Environment variable("HEARTH_THREADS", "lots");
  CHECK(refusal({"-o", "x"}).starts_with("HEARTH_THREADS expects a whole number, got 'lots'"));
}

TEST_CASE("an empty environment variable counts as unset") {
  const Environment variable("HEARTH_THREADS", "");
  Sample s;
  CHECK(parsed(s, {"-o", "x"}).threads == 0);
}
