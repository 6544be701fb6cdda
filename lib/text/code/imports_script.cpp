// SPDX-License-Identifier: Apache-2.0
// JavaScript and TypeScript: import ... from "./a", export ... from "./a", import("./a"), require("./a"). Only relative
// names are files of the repository; "./a.js" may be a.ts.
#include "lib/text/code/imports.h"
#include "lib/text/code/lines.h"

namespace hearth::text::code {
namespace {

constexpr const char* endings[] = {".ts",  ".tsx", ".js",   ".jsx", ".mjs",    ".cjs",
                                   ".mts", ".cts", ".d.ts", ".vue", ".svelte", ".json"};

Reference file_or_folder(std::string_view path, std::string_view name) {
  Reference reference;
  const std::string stem = joined_path(folder_of(path), name);
  if (stem.empty()) return reference;
  reference.targets.push_back("/" + stem);
  for (const std::string_view script : {".js", ".mjs", ".cjs", ".jsx"}) {
    if (!stem.ends_with(script)) continue;
    const std::string bare = "/" + stem.substr(0, stem.size() - script.size());
    for (const char* ending : {".ts", ".tsx", ".mts", ".cts"}) reference.targets.push_back(bare + ending);
  }
  for (const char* ending : endings) reference.targets.push_back("/" + stem + ending);
  for (const char* ending : endings) reference.targets.push_back("/" + stem + "/index" + ending);
  return reference;
}

// True when text, what stands before a quoted string, ends as an import of it does.
bool ends_in_import(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  if (!text.empty() && text.back() == '(') {
    text.remove_suffix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text.ends_with("require") || text.ends_with("import");
  }
  for (const std::string_view word : {"from", "import"}) {
    if (!text.ends_with(word)) continue;
    const std::string_view before = text.substr(0, text.size() - word.size());
    return before.empty() || !is_name_byte(before.back());
  }
  return false;
}

}  // namespace

std::vector<Reference> script_references(std::string_view path, std::string_view text) {
  std::vector<Reference> all;
  for_each_line(text, [&](std::string_view line) {
    const std::string_view begin = skip_spaces(line);
    if (begin.starts_with("//") || begin.starts_with("*")) return;
    for (std::size_t at = 0; (at = line.find_first_of("'\"", at)) != std::string_view::npos;) {
      const std::size_t end = line.find(line[at], at + 1);
      if (end == std::string_view::npos) return;
      const std::string_view name = line.substr(at + 1, end - at - 1);
      if ((name.starts_with("./") || name.starts_with("../") || name == "." || name == "..") &&
          ends_in_import(line.substr(0, at))) {
        all.push_back(file_or_folder(path, name));
      }
      at = end + 1;
    }
  });
  return all;
}

}  // namespace hearth::text::code
