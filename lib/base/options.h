// SPDX-License-Identifier: Apache-2.0
// One table declares a tool's options; from it come the parser (Boost.ProgramOptions behind it), --help, --help=json,
// the man page, completion and the config file reader. A table binds each option to a field of the tool's Options
// struct, whose initial value is the default.
//
//   Command c{"tokenize", "..."};
//   c.option("vocab-size", &options.vocab_size, "N", "size of the vocabulary").range(257, 1 << 20);
//   c.positional("INPUT", &options.inputs, "documents files");
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lib/base/json.h"

namespace hearth {

// One option or positional argument. Built by Command::option and the calls chained to it.
class Option {
 public:
  std::string name;         // "vocab-size"; positional: "INPUT"
  char short_name = 0;      // only from -h -V -v -q -i -o -j -n -f
  std::string value_name;   // "N", "FILE"; empty for a flag
  std::string help;         // one sentence, no full stop, no default (that is added)
  std::string type;         // "flag" "integer" "number" "string" "size" "count" "choice"
  std::vector<std::string> choices;
  double minimum = -std::numeric_limits<double>::infinity(), maximum = std::numeric_limits<double>::infinity();
  bool repeatable = false, required = false, hidden_in_config = false;
  std::string unless;  // required only where the option of this name is not given
  std::string group = "Options";

  // Chained by the table's author.
  Option& letter(char c) { short_name = c; return *this; }
  Option& range(double low, double high = std::numeric_limits<double>::infinity()) {
    minimum = low;
    maximum = high;
    return *this;
  }
  Option& one_of(std::vector<std::string> words) { choices = std::move(words); type = "choice"; return *this; }
  Option& must() { required = true; return *this; }
  Option& must_unless(std::string other) { unless = std::move(other); return *this; }
  Option& not_in_config() { hidden_in_config = true; return *this; }  // --config itself, --help

  // Set by the typed front of Command. assign throws Error{usage} "expects a whole number, got 'x'".
  std::function<void(std::string_view)> assign;
  std::function<void()> clear;           // of a repeatable option: drops the default before the first value
  std::function<std::string()> current;  // the bound field's value as JSON text
  bool given = false;             // set on the command line, in the environment or in a config file
};

class Command {
 public:
  Command(std::string name, std::string summary);
  Command(Command&&) noexcept;
  Command& operator=(Command&&) noexcept;
  ~Command();

  std::string name;     // "tokenize", and for a subcommand "tokenize train"
  std::string summary;  // one line
  std::string details;  // paragraphs for --help and the man page
  std::vector<std::pair<std::string, std::string>> examples;  // command line, what it does

  // Fields: bool (a flag; --no-NAME unsets), int, int64, uint64, double, string, and optional<> or vector<> of those.
  template <class Field>
  Option& option(std::string name, Field* field, std::string value_name, std::string help);
  Option& flag(std::string name, bool* field, std::string help);
  // A byte count: "512M", "4GiB", "1e9".
  Option& size(std::string name, std::uint64_t* bytes, std::string value_name, std::string help);
  // A large number of things: "32768", "30M", "1.5G" (powers of 1000), "2e9".
  Option& count(std::string name, std::uint64_t* number, std::string value_name, std::string help);
  // The inputs: one string, or all that remain.
  Option& positional(std::string name, std::string* field, std::string help);
  Option& positional(std::string name, std::vector<std::string>* field, std::string help);
  void group(std::string title);  // of the options added from here on; "... (rarely needed)": -h leaves them out

  Command& subcommand(Command command);
  Option* find(std::string_view option_name);
  bool given(std::string_view option_name) const;

  const std::vector<std::unique_ptr<Option>>& options() const { return options_; }
  const std::vector<std::unique_ptr<Option>>& positionals() const { return positionals_; }
  const std::vector<std::unique_ptr<Command>>& subcommands() const { return subcommands_; }

  // Set by the tool; called after parsing with the command itself (a Command moves, so a reference taken when the table
  // was built would dangle).
  std::function<int(const Command& self)> run;

 private:
  Option& add(std::string name, std::string value_name, std::string help, std::string type);

  std::string group_ = "Options";
  std::vector<std::unique_ptr<Option>> options_, positionals_;
  std::vector<std::unique_ptr<Command>> subcommands_;
};

// Parses arguments (without argv[0]) into the fields bound to command, or to the subcommand they name, which is
// returned. Precedence: command line, HEARTH_THREADS / HEARTH_TMPDIR / HEARTH_LOG_LEVEL, later --config, earlier
// --config, defaults. Throws Error{usage} for a wrong command line, naming the nearest known option; Error{config} for
// a wrong config file. Abbreviations are not accepted. --help and --version are left to the caller (HelpRequest).
Command& parse_options(Command& command, const std::vector<std::string>& arguments);

struct HelpRequest {
  enum class Form { none, brief, full, json, man, completion } form = Form::none;
};
// What --help asks for: -h is brief, --help full, --help=json | man | completion the others. Throws Error{usage}.
HelpRequest help_requested(const std::vector<std::string>& arguments);

std::string help_text(const Command& command, bool full);
Json help_json(const Command& command);         // a JSON Schema of the options
std::string man_page(const Command& command);   // roff
std::string bash_completion(const std::vector<const Command*>& commands);  // for the dispatcher `hearth` only
std::string config_text(const Command& command);  // what is in force, as a file --config reads
Json config_json(const Command& command);         // the same, as stored in every output

// --- the typed front ------------------------------------------------------------------------------------------------

namespace options_detail {
void parse_value(std::string_view text, bool& out);
void parse_value(std::string_view text, int& out);
void parse_value(std::string_view text, std::int64_t& out);
void parse_value(std::string_view text, std::uint64_t& out);
void parse_value(std::string_view text, double& out);
void parse_value(std::string_view text, std::string& out);
std::string json_of(bool value);
std::string json_of(int value);
std::string json_of(std::int64_t value);
std::string json_of(std::uint64_t value);
std::string json_of(double value);
std::string json_of(const std::string& value);

template <class T>
struct Field {
  using Value = T;
  static constexpr bool repeatable = false;
  static void set(T& field, std::string_view text) { parse_value(text, field); }
  static std::string get(const T& field) { return json_of(field); }
};
template <class T>
struct Field<std::optional<T>> {
  using Value = T;
  static constexpr bool repeatable = false;
  static void set(std::optional<T>& field, std::string_view text) { parse_value(text, field.emplace()); }
  static std::string get(const std::optional<T>& field) { return field ? json_of(*field) : "null"; }
};
template <class T>
struct Field<std::vector<T>> {
  using Value = T;
  static constexpr bool repeatable = true;
  static void set(std::vector<T>& field, std::string_view text) {
    T value;
    parse_value(text, value);
    field.push_back(std::move(value));
  }
  static std::string get(const std::vector<T>& field) {
    std::string list;
    for (const T& value : field) list += (list.empty() ? "" : ",") + json_of(value);
    return "[" + list + "]";
  }
};
template <class T>
constexpr const char* type_name() {
  if constexpr (std::is_same_v<T, bool>) return "flag";
  if constexpr (std::is_same_v<T, std::string>) return "string";
  if constexpr (std::is_same_v<T, double>) return "number";
  return "integer";
}
}  // namespace options_detail

template <class T>
Option& Command::option(std::string option_name, T* field, std::string value_name, std::string help) {
  using Access = options_detail::Field<T>;
  Option& option = add(std::move(option_name), std::move(value_name), std::move(help),
                       options_detail::type_name<typename Access::Value>());
  option.repeatable = Access::repeatable;
  option.assign = [field](std::string_view text) { Access::set(*field, text); };
  if constexpr (Access::repeatable) option.clear = [field] { field->clear(); };
  option.current = [field] { return Access::get(*field); };
  return option;
}

}  // namespace hearth
