// SPDX-License-Identifier: Apache-2.0
// What the option table says of itself: help, JSON Schema, man page, completion.
#include <algorithm>
#include <array>

#include "lib/base/json_value.h"
#include "lib/base/options.h"
#include "lib/base/text.h"

namespace hearth {
namespace {

constexpr std::size_t help_column = 32, help_width = 100;

std::string last_word(const std::string& name) {
  return name.substr(name.rfind(' ') + 1);
}

std::string spelling(const Option& option) {
  std::string text = option.short_name ? std::string("-") + option.short_name + ", " : "    ";
  text += "--" + option.name;
  if (option.type != "flag") text += " " + option.value_name;
  return text;
}

std::string default_of(const Option& option) {
  const Json value = parse_json(option.current(), option.name);
  if (option.required || value.is_null() || value == Json(false) || value.empty() || value == Json("")) return "";
  return " (default " + (value.is_string() ? value.get<std::string>() : dump_json(value)) + ")";
}

std::string explanation(const Option& option) {
  std::string text = option.help;
  if (!option.choices.empty()) text += ": " + join(option.choices, ", ");
  if (option.repeatable) text += "; may be repeated";
  if (!option.unless.empty()) return text + " (required without --" + option.unless + ")";
  return text + (option.required ? " (required)" : default_of(option));
}

std::string wrapped(const std::string& text, std::size_t indent) {
  std::string out;
  std::size_t column = indent;
  for (const std::string& word : split(text, ' ')) {
    if (column > indent && column + word.size() + 1 > help_width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += " ";
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

// What of text fits on one line after the help column, cut at a word.
std::string one_line(const std::string& text) {
  constexpr std::size_t width = help_width - help_column;
  if (text.size() <= width) return text;
  return text.substr(0, text.rfind(' ', width - 4)) + " ...";
}

std::string row(const std::string& left, const std::string& right) {
  std::string out = "  " + left;
  out +=
      out.size() + 2 > help_column ? "\n" + std::string(help_column, ' ') : std::string(help_column - out.size(), ' ');
  return out + wrapped(right, help_column) + "\n";
}

std::string usage_line(const Command& command) {
  std::string text = "hearth " + command.name;
  if (!command.subcommands().empty()) return text + " COMMAND [OPTIONS]";
  text += " [OPTIONS]";
  for (const auto& positional : command.positionals()) {
    const std::string word = positional->name + (positional->repeatable ? "..." : "");
    text += positional->required ? " " + word : " [" + word + "]";
  }
  return text;
}

// Text for roff: no character of it is a command.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool line_start = out.empty() || out.back() == '\n';
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '-')
      out += "\\-";
    else if (c == '\\')
      out += "\\e";
    else
      out += c;
  }
  return out;
}

std::string roff_option(const Option& option) {
  return ".TP\n.B " + roff(std::string(trim(spelling(option)))) + "\n" + roff(explanation(option)) + "\n";
}

constexpr std::array<std::pair<const char*, const char*>, 11> exit_codes{{
    {"0", "done"},
    {"1", "ran, the answer is no"},
    {"64", "usage"},
    {"65", "bad input data"},
    {"66", "input missing"},
    {"69", "device or peer unavailable"},
    {"70", "internal error or divergence"},
    {"73", "cannot create output"},
    {"74", "I/O error"},
    {"75", "stopped early after a good checkpoint, run again"},
    {"78", "bad configuration"},
}};

Json option_schema(const Option& option) {
  Json schema;
  const Json value = parse_json(option.current(), option.name);
  Json item{{"type", option.type}};
  if (option.type == "flag") item["type"] = "boolean";
  if (option.type == "choice") item["type"] = "string";
  if (option.type == "size" || option.type == "count") item["type"] = {"integer", "string"};  // 4096 or "4K"
  if (option.minimum > -std::numeric_limits<double>::infinity()) item["minimum"] = option.minimum;
  if (option.maximum < std::numeric_limits<double>::infinity()) item["maximum"] = option.maximum;
  if (!option.choices.empty()) item["enum"] = option.choices;
  if (option.repeatable) {
    schema = {{"type", "array"}, {"items", item}};
  } else {
    schema = item;
  }
  schema["description"] = option.help;
  if (!value.is_null() && !option.required) schema["default"] = value;
  if (option.short_name) schema["short"] = std::string("-") + option.short_name;
  if (!option.value_name.empty()) schema["value_name"] = option.value_name;
  return schema;
}

}  // namespace

HelpRequest help_requested(const std::vector<std::string>& arguments) {
  using Form = HelpRequest::Form;
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument == "-h") return {Form::brief};
    if (argument == "--help") return {Form::full};
    if (argument == "--help=json") return {Form::json};
    if (argument == "--help=man") return {Form::man};
    if (argument == "--help=completion") return {Form::completion};
    if (argument.starts_with("--help=")) throw Error(Kind::usage, argument + ": expects json, man or completion");
  }
  return {};
}

std::string help_text(const Command& command, bool full) {
  std::string out = "Usage: " + usage_line(command) + "\n" + command.summary + "\n";
  if (full && !command.details.empty()) out += "\n" + command.details + "\n";
  if (!command.subcommands().empty()) {
    out += "\nCommands:\n";
    for (const auto& sub : command.subcommands()) out += row(last_word(sub->name), sub->summary);
    out += "\n'hearth " + command.name + " COMMAND --help' shows the options of one.\n";
  }
  if (!command.positionals().empty()) {
    out += "\nInputs:\n";
    for (const auto& positional : command.positionals()) out += row(positional->name, positional->help);
  }
  std::string group;
  for (const auto& option : command.options()) {
    if (!full && (option->group == "Common options" || option->group.ends_with("(rarely needed)"))) continue;
    if (option->group != group) out += (full || group.empty() ? "\n" : "") + option->group + ":\n";  // -h: no gaps
    group = option->group;
    out += row(spelling(*option), full ? explanation(*option) : one_line(explanation(*option)));
  }
  if (!full) out += "\n--help shows the common and the rarely needed options, examples and details.\n";
  if (full && !command.examples.empty()) {
    out += "\nExamples:\n";
    for (const auto& [line, what] : command.examples) out += "  # " + what + "\n  " + line + "\n";
  }
  return out;
}

Json help_json(const Command& command) {
  Json out{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
           {"title", "hearth " + command.name},
           {"description", command.summary},
           {"type", "object"}};
  Json properties = Json::object(), required = Json::array(), inputs = Json::array();
  for (const auto& option : command.options()) {
    properties[option->name] = option_schema(*option);
    if (option->required) required.push_back(option->name);
  }
  for (const auto& positional : command.positionals()) {
    inputs.push_back(Json{{"name", positional->name},
                          {"description", positional->help},
                          {"repeatable", positional->repeatable},
                          {"required", positional->required}});
  }
  out["properties"] = properties;
  out["required"] = required;
  out["additionalProperties"] = false;
  out["inputs"] = inputs;
  for (const auto& [code, meaning] : exit_codes) out["exit_codes"][code] = meaning;
  if (!command.subcommands().empty()) {
    for (const auto& sub : command.subcommands()) out["commands"][last_word(sub->name)] = help_json(*sub);
  }
  return out;
}

std::string man_page(const Command& command) {
  std::string title = "hearth-" + command.name;
  std::replace(title.begin(), title.end(), ' ', '-');
  std::string out = ".TH \"" + title + "\" 1 \"\" \"hearth\" \"hearth manual\"\n.SH NAME\n" + roff(title) + " \\- " +
                    roff(command.summary) + "\n.SH SYNOPSIS\n" + roff(usage_line(command)) + "\n";
  if (!command.details.empty()) out += ".SH DESCRIPTION\n" + roff(command.details) + "\n";
  for (const auto& sub : command.subcommands()) {
    out += ".SH " + last_word(sub->name) + "\n" + roff(sub->summary) + "\n.PP\n" + roff(usage_line(*sub)) + "\n";
    for (const auto& option : sub->options()) out += roff_option(*option);
  }
  if (!command.options().empty()) out += ".SH OPTIONS\n";
  for (const auto& positional : command.positionals()) {
    out += ".TP\n.B " + roff(positional->name) + "\n" + roff(positional->help) + "\n";
  }
  for (const auto& option : command.options()) out += roff_option(*option);
  out += ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : exit_codes) out += std::string(".TP\n.B ") + code + "\n" + roff(meaning) + "\n";
  if (!command.examples.empty()) out += ".SH EXAMPLES\n";
  for (const auto& [line, what] : command.examples) out += roff(what) + "\n.PP\n.nf\n" + roff(line) + "\n.fi\n";
  return out;
}

std::string bash_completion(const std::vector<const Command*>& commands) {
  std::string tools, cases;
  for (const Command* command : commands) {
    tools += (tools.empty() ? "" : " ") + command->name;
    std::string words;
    for (const auto& sub : command->subcommands()) words += last_word(sub->name) + " ";
    for (const auto& option : command->options()) words += "--" + option->name + " ";
    for (const auto& sub : command->subcommands()) {
      for (const auto& option : sub->options()) words += "--" + option->name + " ";
    }
    cases += "    " + command->name + ") words=\"" + words + "\" ;;\n";
  }
  return "_hearth() {\n  local current=${COMP_WORDS[COMP_CWORD]} words=\n  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    words=\"" +
         tools + "\"\n  else\n    case ${COMP_WORDS[1]} in\n" + cases +
         "    esac\n  fi\n  case $current in\n    -*|'') COMPREPLY=($(compgen -W \"$words\" -- \"$current\")) ;;\n"
         "    *) COMPREPLY=($(compgen -W \"$words\" -- \"$current\") $(compgen -f -- \"$current\")) ;;\n  esac\n}\n"
         "complete -o filenames -F _hearth hearth\n";
}

}  // namespace hearth
