// SPDX-License-Identifier: Apache-2.0
#include "lib/text/extract/notebook.h"

#include "lib/base/json_value.h"
#include "lib/base/text.h"

namespace hearth::text {
namespace {

// A string, or a list of them: the lines with their ends.
std::string joined(const Json& cell, const char* name) {
  const auto source = cell.find(name);
  if (source == cell.end()) return {};
  if (source->is_string()) return source->get<std::string>();
  std::string text;
  if (source->is_array()) {
    for (const Json& line : *source) text += line.is_string() ? line.get<std::string>() : "";
  }
  return text;
}

std::string string_at(const Json& root, const std::vector<std::string>& path) {
  const Json* at = &root;
  for (const std::string& name : path) {
    if (!at->is_object() || !at->contains(name)) return {};
    at = &(*at)[name];
  }
  return at->is_string() ? at->get<std::string>() : std::string();
}

void append_cell(const Json& cell, const std::string& language, std::string& out) {
  if (!cell.is_object()) return;
  const std::string type = string_at(cell, {"cell_type"});
  std::string source = joined(cell, cell.contains("source") ? "source" : "input");
  while (!source.empty() && (source.back() == '\n' || source.back() == ' ')) source.pop_back();
  if (source.empty() || type == "raw") return;
  if (!out.empty()) out += "\n";
  if (type != "code") {
    out += source + "\n";
    return;
  }
  std::string fence = "```";
  while (source.find(fence) != std::string::npos) fence += '`';
  out += fence + language + "\n" + source + "\n" + fence + "\n";
}

void append_cells(const Json& holder, const std::string& language, std::string& out) {
  if (!holder.is_object() || !holder.contains("cells") || !holder["cells"].is_array()) return;
  for (const Json& cell : holder["cells"]) append_cell(cell, language, out);
}

}  // namespace

std::optional<Rejection> notebook_to_text(std::string_view json, Extracted& extracted) {
  Json notebook;
  try {
    notebook = parse_json(json, "notebook");
  } catch (const Error& error) {
    return Rejection{"bad-json", error.what()};
  }
  std::string language = string_at(notebook, {"metadata", "language_info", "name"});
  if (language.empty()) language = string_at(notebook, {"metadata", "kernelspec", "language"});
  append_cells(notebook, language, extracted.text);
  if (notebook.is_object() && notebook.contains("worksheets") && notebook["worksheets"].is_array()) {
    for (const Json& sheet : notebook["worksheets"]) append_cells(sheet, language, extracted.text);
  }
  const std::string title = string_at(notebook, {"metadata", "title"});
  if (!title.empty()) extracted.attributes.emplace_back("title", dump_json(Json(title)));
  if (extracted.text.empty()) return Rejection{"no-text", "the notebook has no cells with text"};
  return std::nullopt;
}

}  // namespace hearth::text
