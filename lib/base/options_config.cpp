// SPDX-License-Identifier: Apache-2.0
// Config files: "key = value" lines, '#' comments, a [tool] or [tool subcommand] section for keys of one tool only, so
// that one file can serve a pipeline ([tool] speaks to all its subcommands). A repeatable option is given by repeating
// its line.
#include "lib/base/options_config.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/options.h"
#include "lib/base/text.h"

namespace hearth {
namespace {

std::string unquote(std::string_view value, const std::string& where) {
  if (value.size() < 2 || value.front() != '"') return std::string(value);
  const Json parsed = parse_json(value, where);
  if (!parsed.is_string()) throw Error(Kind::config, where + ": not a quoted string");
  return parsed.get<std::string>();
}

void read_config_file(Command& command, const std::string& path) {
  std::set<std::string> set_here;
  std::istringstream lines(read_file(path));
  std::string line, section;
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::string where = path + ":" + std::to_string(number);
    const std::string_view text = trim(line);
    if (text.empty() || text.front() == '#') continue;
    if (text.front() == '[') {
      if (text.back() != ']') throw Error(Kind::config, where + ": a section is written [name]");
      section = std::string(trim(text.substr(1, text.size() - 2)));
      continue;
    }
    if (!section.empty() && !(command.name + " ").starts_with(section + " ")) continue;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) throw Error(Kind::config, where + ": expected 'key = value'");
    const std::string key(trim(text.substr(0, equals)));
    Option* option = command.find(key);
    if (option == nullptr || option->hidden_in_config) {
      std::vector<std::string> known;
      for (const auto& each : command.options()) {
        if (!each->hidden_in_config) known.push_back(each->name);
      }
      const auto near = nearest_word(key, known);
      throw Error(Kind::config, where + ": unknown key '" + key + "'" + (near ? "; did you mean '" + *near + "'?" : ""));
    }
    const bool ours = set_here.contains(key);
    if (option->given && !(ours && option->repeatable)) {
      if (ours) throw Error(Kind::config, where + ": '" + key + "' is given twice");
      continue;  // the command line, the environment or a later file has it
    }
    try {
      options_detail::assign_checked(*option, unquote(trim(text.substr(equals + 1)), where), key);
    } catch (const Error& error) {
      throw Error(Kind::config, where + ": " + error.what());
    }
    set_here.insert(key);
  }
}

}  // namespace

void options_detail::assign_from_config_files(Command& command) {
  Option* option = command.find("config");
  if (option == nullptr) return;
  const Json files = parse_json(option->current(), "--config");
  for (auto file = files.rbegin(); file != files.rend(); ++file) read_config_file(command, file->get<std::string>());
}

std::string config_text(const Command& command) {
  std::string out = "[" + command.name + "]\n";
  for (const auto& option : command.options()) {
    if (option->hidden_in_config) continue;
    const Json value = parse_json(option->current(), option->name);
    if (value.is_null()) continue;
    for (const Json& each : value.is_array() ? value : Json::array({value})) out += option->name + " = " + dump_json(each) + "\n";
  }
  return out;
}

Json config_json(const Command& command) {
  Json out = Json::object();
  for (const auto& option : command.options()) {
    if (!option->hidden_in_config) out[option->name] = parse_json(option->current(), option->name);
  }
  for (const auto& positional : command.positionals()) out[positional->name] = parse_json(positional->current(), positional->name);
  return out;
}

}  // namespace hearth
