// SPDX-License-Identifier: Apache-2.0
#include "lib/base/options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>

#include "lib/base/json_value.h"
#include "lib/base/options_config.h"
#include "lib/base/text.h"

namespace hearth {
namespace po = boost::program_options;

namespace options_detail {
namespace {

template <class T>
void parse_number(std::string_view text, T& out, const char* expected) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc{} || stop != end || text.empty()) {
    throw Error(Kind::usage, "expects " + std::string(expected) + ", got '" + std::string(text) + "'");
  }
  out = value;
}

}  // namespace

void parse_value(std::string_view text, bool& out) {
  if (text == "true" || text == "on" || text == "yes" || text == "1") {
    out = true;
  } else if (text == "false" || text == "off" || text == "no" || text == "0") {
    out = false;
  } else {
    throw Error(Kind::usage, "expects true or false, got '" + std::string(text) + "'");
  }
}
void parse_value(std::string_view text, int& out) { parse_number(text, out, "a whole number"); }
void parse_value(std::string_view text, std::int64_t& out) { parse_number(text, out, "a whole number"); }
void parse_value(std::string_view text, std::uint64_t& out) { parse_number(text, out, "a whole number of at least 0"); }
void parse_value(std::string_view text, double& out) { parse_number(text, out, "a number"); }
void parse_value(std::string_view text, std::string& out) { out = text; }

std::string json_of(bool value) { return value ? "true" : "false"; }
std::string json_of(int value) { return std::to_string(value); }
std::string json_of(std::int64_t value) { return std::to_string(value); }
std::string json_of(std::uint64_t value) { return std::to_string(value); }
std::string json_of(double value) { return dump_json(Json(value)); }
std::string json_of(const std::string& value) { return dump_json(Json(value)); }

}  // namespace options_detail

namespace {

// "1.5GiB", "512M", "4096" with base 1024; "30M", "32768" with base 1000, where only the bare letter is a unit.
std::uint64_t parse_scaled(std::string_view text, double base, const char* expected) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, number);
  std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  static constexpr std::string_view letters = "KMGTP";
  double scale = 1;
  const bool bytes = base == 1024;
  if (!unit.empty() && !(bytes && unit == "B")) {
    const auto at = letters.find(static_cast<char>(std::toupper(static_cast<unsigned char>(unit.front()))));
    const std::string_view rest = unit.substr(1);
    if (at == std::string_view::npos || (!rest.empty() && !(bytes && (rest == "B" || rest == "iB")))) number = -1;
    for (std::size_t i = 0; at != std::string_view::npos && i <= at; ++i) scale *= base;
  }
  if (failure != std::errc{} || number < 0 || number * scale > 0x1p63) {
    throw Error(Kind::usage, std::string("expects ") + expected + ", got '" + std::string(text) + "'");
  }
  return static_cast<std::uint64_t>(number * scale);
}

std::uint64_t parse_size(std::string_view text) { return parse_scaled(text, 1024, "a size such as 512M or 4GiB"); }
std::uint64_t parse_count(std::string_view text) { return parse_scaled(text, 1000, "a count such as 32768, 30M or 1.5G"); }

void check_choice(const Option& option, std::string_view text) {
  if (option.choices.empty() || std::find(option.choices.begin(), option.choices.end(), text) != option.choices.end()) return;
  std::string message = "expects one of " + join(option.choices, ", ") + "; got '" + std::string(text) + "'";
  if (const auto near = nearest_word(text, option.choices)) message += " (did you mean '" + *near + "'?)";
  throw Error(Kind::usage, message);
}

// After assign, which has seen that text is a number (or a size or count).
void check_range(const Option& option, std::string_view text) {
  const bool scaled = option.type == "size" || option.type == "count";
  if (option.type != "integer" && option.type != "number" && !scaled) return;
  double value = 0;
  if (scaled) {
    value = static_cast<double>(option.type == "size" ? parse_size(text) : parse_count(text));
  } else {
    options_detail::parse_value(text, value);
  }
  if (!std::isfinite(value)) throw Error(Kind::usage, "expects a finite number, got '" + std::string(text) + "'");
  if (value >= option.minimum && value <= option.maximum) return;
  const bool above = option.minimum > -std::numeric_limits<double>::infinity();
  const bool below = option.maximum < std::numeric_limits<double>::infinity();
  throw Error(Kind::usage, "must be " + (above ? "at least " + format_number(option.minimum, 12) : std::string()) +
                               (above && below ? " and " : "") +
                               (below ? "at most " + format_number(option.maximum, 12) : std::string()) + ", got " +
                               std::string(text));
}

std::vector<std::string> spellings(const Command& command) {
  std::vector<std::string> names{"--help", "--version"};
  for (const auto& option : command.options()) {
    names.push_back("--" + option->name);
    if (option->type == "flag") names.push_back("--no-" + option->name);
  }
  return names;
}

Error usage_error(const Command& command, const std::string& message) {
  return {Kind::usage, message + "\nTry 'hearth " + command.name + " --help'."};
}

Command& choose_subcommand(Command& command, std::vector<std::string>& arguments) {
  if (command.subcommands().empty()) return command;
  std::vector<std::string> names;
  for (const auto& sub : command.subcommands()) names.push_back(sub->name.substr(sub->name.rfind(' ') + 1));
  if (arguments.empty() || arguments.front().starts_with("-")) {
    throw usage_error(command, "which of " + join(names, ", ") + "?");
  }
  const auto found = std::find(names.begin(), names.end(), arguments.front());
  if (found == names.end()) {
    const auto near = nearest_word(arguments.front(), names);
    throw usage_error(command, "there is no '" + command.name + " " + arguments.front() + "'" +
                                   (near ? "; did you mean '" + *near + "'?" : "; there are " + join(names, ", ")));
  }
  const auto index = static_cast<std::size_t>(found - names.begin());
  arguments.erase(arguments.begin());
  return *command.subcommands()[index];
}

po::options_description describe(const Command& command) {
  po::options_description description;
  for (const auto& option : command.options()) {
    const std::string names = option->name + (option->short_name ? std::string(",") + option->short_name : "");
    if (option->type == "flag") {
      description.add_options()(names.c_str(), "")(("no-" + option->name).c_str(), "");
    } else {
      description.add_options()(names.c_str(), po::value<std::vector<std::string>>(), "");
    }
  }
  return description;
}

// Boost's parse of one command line: option names with their values, in order, and the positional words.
std::vector<po::option> parse_words(const Command& command, const std::vector<std::string>& arguments) {
  using style = po::command_line_style::style_t;
  const auto strict = style::default_style & ~style::allow_guessing;
  try {
    const po::options_description description = describe(command);
    return po::command_line_parser(arguments).options(description).style(strict).run().options;
  } catch (const po::unknown_option& error) {
    const std::string name = error.get_option_name();
    const std::string given = name.substr(0, name.find('='));
    const auto near = nearest_word(given, spellings(command));
    throw usage_error(command, "unknown option '" + given + "'" + (near ? "; did you mean '" + *near + "'?" : ""));
  } catch (const po::invalid_command_line_syntax& error) {
    const bool surplus = error.kind() == po::invalid_syntax::extra_parameter;
    throw usage_error(command, error.get_option_name() + (surplus ? " takes no value" : " needs a value"));
  } catch (const po::error& error) {
    throw usage_error(command, error.what());
  }
}

void assign_positionals(const Command& command, const std::vector<std::string>& words) {
  std::size_t next = 0;
  for (const auto& positional : command.positionals()) {
    if (positional->repeatable) {
      for (; next < words.size(); ++next) positional->assign(words[next]), positional->given = true;
    } else if (next < words.size()) {
      positional->assign(words[next++]);
      positional->given = true;
    }
    if (positional->required && !positional->given) throw usage_error(command, positional->name + " is missing");
  }
  if (next < words.size()) throw usage_error(command, "unexpected argument '" + words[next] + "'");
}

void assign_from_environment(Command& command) {
  for (const auto& [variable, name] : {std::pair{"HEARTH_THREADS", "threads"}, std::pair{"HEARTH_TMPDIR", "tmpdir"},
                                       std::pair{"HEARTH_LOG_LEVEL", "log-level"}}) {
    const char* value = std::getenv(variable);
    Option* option = command.find(name);
    if (value == nullptr || *value == 0 || option == nullptr || option->given) continue;
    options_detail::assign_checked(*option, value, variable);
  }
}

}  // namespace

void options_detail::assign_checked(Option& option, std::string_view text, std::string_view where) {
  try {
    check_choice(option, text);
    if (option.clear && !option.given) option.clear();
    option.assign(text);
    check_range(option, text);
  } catch (const Error& error) {
    throw Error(error.kind(), std::string(where) + " " + error.what());
  }
  option.given = true;
}

Command::Command(std::string command_name, std::string one_line)
    : name(std::move(command_name)), summary(std::move(one_line)) {}
Command::Command(Command&&) noexcept = default;
Command& Command::operator=(Command&&) noexcept = default;
Command::~Command() = default;

Option& Command::add(std::string option_name, std::string value_name, std::string help, std::string type) {
  HEARTH_CHECK(find(option_name) == nullptr, "option --" + option_name + " is declared twice");
  auto option = std::make_unique<Option>();
  option->name = std::move(option_name);
  option->value_name = std::move(value_name);
  option->help = std::move(help);
  option->type = std::move(type);
  option->group = group_;
  options_.push_back(std::move(option));
  return *options_.back();
}

Option& Command::flag(std::string option_name, bool* field, std::string help) {
  return option(std::move(option_name), field, "", std::move(help));
}

Option& Command::size(std::string option_name, std::uint64_t* bytes, std::string value_name, std::string help) {
  Option& option = this->option(std::move(option_name), bytes, std::move(value_name), std::move(help));
  option.type = "size";
  option.assign = [bytes](std::string_view text) { *bytes = parse_size(text); };
  return option;
}

Option& Command::count(std::string option_name, std::uint64_t* number, std::string value_name, std::string help) {
  Option& option = this->option(std::move(option_name), number, std::move(value_name), std::move(help));
  option.type = "count";
  option.assign = [number](std::string_view text) { *number = parse_count(text); };
  return option;
}

Option& Command::positional(std::string label, std::string* field, std::string help) {
  Option& result = option(label, field, label, std::move(help));
  positionals_.push_back(std::move(options_.back()));
  options_.pop_back();
  return result;
}

Option& Command::positional(std::string label, std::vector<std::string>* field, std::string help) {
  Option& result = option(label, field, label, std::move(help));
  positionals_.push_back(std::move(options_.back()));
  options_.pop_back();
  return result;
}

void Command::group(std::string title) { group_ = std::move(title); }

Command& Command::subcommand(Command command) {
  subcommands_.push_back(std::make_unique<Command>(std::move(command)));
  return *subcommands_.back();
}

Option* Command::find(std::string_view option_name) {
  for (const auto& option : options_) {
    if (option->name == option_name) return option.get();
  }
  return nullptr;
}

bool Command::given(std::string_view option_name) const {
  const Option* option = const_cast<Command*>(this)->find(option_name);
  return option != nullptr && option->given;
}

Command& parse_options(Command& top, const std::vector<std::string>& arguments) {
  std::vector<std::string> rest = arguments;
  Command& command = choose_subcommand(top, rest);
  std::vector<std::string> words;
  std::map<std::string, int> times;
  for (const po::option& parsed : parse_words(command, rest)) {
    if (parsed.position_key >= 0 || parsed.string_key.empty()) {
      words.insert(words.end(), parsed.value.begin(), parsed.value.end());
      continue;
    }
    std::string key = parsed.string_key;
    if (key.starts_with("-")) key.erase(0, key.find_first_not_of('-'));
    Option* option = command.find(key);
    const bool negated = option == nullptr && key.starts_with("no-");
    if (negated) option = command.find(key.substr(3));
    if (option == nullptr) {  // a short name
      for (const auto& candidate : command.options()) {
        if (key.size() == 1 && candidate->short_name == key[0]) option = candidate.get();
      }
    }
    HEARTH_CHECK(option != nullptr, "the parser returned an option nobody declared: " + key);
    if (++times[option->name] > 1 && !option->repeatable) {
      throw usage_error(command, "--" + option->name + " is given more than once");
    }
    const std::vector<std::string> flag_value{negated ? "false" : "true"};
    try {
      for (const std::string& value : option->type == "flag" ? flag_value : parsed.value) {
        options_detail::assign_checked(*option, value, "--" + option->name);
      }
    } catch (const Error& error) {
      throw usage_error(command, error.what());
    }
  }
  assign_from_environment(command);
  options_detail::assign_from_config_files(command);
  assign_positionals(command, words);
  for (const auto& option : command.options()) {
    const bool required = option->required || (!option->unless.empty() && !command.given(option->unless));
    if (required && !option->given) {
      throw usage_error(command, "--" + option->name + " " + option->value_name + " is missing (" + option->help + ")");
    }
  }
  return command;
}

}  // namespace hearth
