// SPDX-License-Identifier: Apache-2.0
// mod a; and use crate::{a::b, c}, use super::a, use other_crate::a. The longest part of a path that is a file counts;
// what names no file below its crate's top (a thing in lib.rs or in the parent) is left out, as these declare the
// modules and so need them.
#include <algorithm>
#include <optional>

#include "lib/base/text.h"
#include "lib/text/code/imports.h"
#include "lib/text/code/lines.h"

namespace hearth::text::code {
namespace {

constexpr std::size_t most_paths = 1000;  // of one use statement

std::string_view file_name_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// The folder in which the modules of this file lie.
std::string module_folder(std::string_view path) {
  const std::string_view name = file_name_of(path);
  if (name == "mod.rs" || name == "lib.rs" || name == "main.rs") return std::string(folder_of(path));
  return std::string(path.substr(0, path.size() - std::min<std::size_t>(path.size(), 3)));
}

// The nearest folder "src" above; none where Cargo.toml names another place.
std::optional<std::string> crate_folder(std::string_view path) {
  for (std::string_view folder = folder_of(path);; folder = folder_of(folder)) {
    if (file_name_of(folder) == "src") return std::string(folder);
    if (folder.empty()) return std::nullopt;
  }
}

// own: the module_folder of the file that names it.
void add_module(const std::string& folder, const std::vector<std::string>& parts, bool at_top, const std::string& own,
                Reference& reference) {
  for (std::size_t n = parts.size(); n > 0; --n) {
    const std::string stem = joined_path(
        folder, join(std::vector<std::string>(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(n)), "/"));
    const std::size_t above = ("/" + own + "/").find("/" + stem + "/");
    if (at_top ? above == 0 : above != std::string::npos) return;  // the file itself or one that declares it
    const std::string top = at_top ? "/" : "";
    reference.targets.push_back(top + stem + ".rs");
    reference.targets.push_back(top + stem + "/mod.rs");
  }
}

// "a::{b, c::d}" to "a::b" and "a::c::d".
void expand(const std::string& front, std::string_view text, std::vector<std::string>& paths) {
  if (paths.size() >= most_paths) return;
  const std::size_t brace = text.find('{');
  if (brace == std::string_view::npos) {
    paths.push_back(front + std::string(text));
    return;
  }
  const std::string longer = front + std::string(text.substr(0, brace));
  int depth = 0;
  std::size_t begin = brace + 1;
  for (std::size_t i = brace; i < text.size(); ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}') --depth;
    const bool ends = depth == 0 || i + 1 == text.size();
    if (!ends && !(depth == 1 && text[i] == ',')) continue;
    expand(longer, text.substr(begin, i - begin), paths);
    begin = i + 1;
    if (ends) return;
  }
}

void add_use(std::string_view path, const std::string& used, std::vector<Reference>& all) {
  std::vector<std::string> parts;
  for (std::string_view left = used;;) {
    const std::string_view part = take_name(left);
    if (part.empty()) break;
    parts.emplace_back(part);
    if (!take(left, "::")) break;
  }
  if (parts.size() < 2) return;
  Reference reference;
  const std::string own = module_folder(path);
  std::string folder = own;
  const std::string first = parts[0];
  parts.erase(parts.begin());
  if (first == "crate") {
    const std::optional<std::string> top = crate_folder(path);
    add_module(top.value_or(""), parts, top.has_value(), own, reference);  // else the nearest file of such a path
  } else if (first == "self") {
    add_module(folder, parts, true, own, reference);
  } else if (first == "super") {
    folder = folder_of(folder);
    while (!parts.empty() && parts[0] == "super") {
      folder = folder_of(folder);
      parts.erase(parts.begin());
    }
    add_module(folder, parts, true, own, reference);
  } else {
    std::string hyphens = first;
    std::replace(hyphens.begin(), hyphens.end(), '_', '-');
    for (const std::string& name : {first, hyphens}) add_module(name + "/src", parts, false, own, reference);
    for (const std::string& name : {first, hyphens}) reference.targets.push_back(name + "/src/lib.rs");
  }
  all.push_back(std::move(reference));
}

// Without pub, pub(crate) and the like.
std::string_view without_visibility(std::string_view line) {
  line = skip_spaces(line);
  if (!take_word(line, "pub")) return line;
  line = skip_spaces(line);
  if (line.starts_with("(")) line.remove_prefix(std::min(line.size(), line.find(')')));
  take(line, ")");
  return skip_spaces(line);
}

}  // namespace

std::vector<Reference> rust_references(std::string_view path, std::string_view text) {
  std::vector<Reference> all;
  std::string use;  // a statement over several lines
  for_each_line(text, [&](std::string_view line) {
    line = line.substr(0, line.find("//"));
    std::string_view left = without_visibility(line);
    if (use.empty() && take_word(left, "mod")) {
      left = skip_spaces(left);
      const std::string name(take_name(left));
      if (name.empty() || !skip_spaces(left).starts_with(";")) return;
      Reference reference;
      add_module(module_folder(path), {name}, true, module_folder(path), reference);
      all.push_back(std::move(reference));
      return;
    }
    if (use.empty() && !take_word(left, "use")) return;
    for (const char c : left) {
      if (c != ' ' && c != '\t') use += c;
      if (c == ';') break;
    }
    if (use.empty() || (use.back() != ';' && use.size() < (64u << 10))) return;
    use.pop_back();
    std::vector<std::string> paths;
    expand("", use, paths);
    for (const std::string& one : paths) add_use(path, one, all);
    use.clear();
  });
  return all;
}

}  // namespace hearth::text::code
