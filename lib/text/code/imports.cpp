// SPDX-License-Identifier: Apache-2.0
#include "lib/text/code/imports.h"

#include <set>
#include <utility>

#include "lib/base/text.h"
#include "lib/text/code/lines.h"

namespace hearth::text::code {
namespace {

std::vector<Reference> of_language(std::string_view path, std::string_view language, std::string_view text) {
  if (language == "c" || language == "c++" || language == "cuda" || language == "objective-c")
    return c_references(path, text);
  if (language == "python" || language == "cython") return python_references(path, text);
  if (language == "java" || language == "kotlin" || language == "scala" || language == "groovy")
    return java_references(text);
  if (language == "go") return go_references(text);
  if (language == "rust") return rust_references(path, text);
  if (language == "javascript" || language == "typescript" || language == "vue" || language == "svelte")
    return script_references(path, text);
  return {};
}

}  // namespace

std::vector<Reference> references(std::string_view path, std::string_view language, std::string_view text) {
  std::vector<Reference> once;
  std::set<std::vector<std::string>> seen;
  for (Reference& reference : of_language(path, language, text)) {
    if (!reference.targets.empty() && seen.insert(reference.targets).second) once.push_back(std::move(reference));
  }
  return once;
}

std::string_view folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string joined_path(std::string_view folder, std::string_view relative) {
  std::vector<std::string> parts;
  const std::string whole = std::string(folder) + "/" + std::string(relative);
  for (const std::string& part : split(whole, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (parts.empty()) {
      return {};
    } else {
      parts.pop_back();
    }
  }
  return join(parts, "/");
}

// #include "a.h": in the file's own folder, else by the end of the path; <a.h> by the end alone. #import likewise.
std::vector<Reference> c_references(std::string_view path, std::string_view text) {
  std::vector<Reference> all;
  for_each_line(text, [&](std::string_view line) {
    line = skip_spaces(line);
    if (!take(line, "#")) return;
    line = skip_spaces(line);
    if (!take(line, "include") && !take(line, "import")) return;
    line = skip_spaces(line);
    const bool quoted = !line.empty() && line[0] == '"';
    if (!quoted && (line.empty() || line[0] != '<')) return;
    const std::size_t end = line.find(quoted ? '"' : '>', 1);
    if (end == std::string_view::npos || end == 1) return;
    const std::string name(line.substr(1, end - 1));
    Reference reference;
    if (quoted) {
      if (const std::string near = joined_path(folder_of(path), name); !near.empty())
        reference.targets.push_back("/" + near);
    }
    const std::string plain = joined_path("", name);
    if (!plain.empty()) reference.targets.push_back(plain);
    all.push_back(std::move(reference));
  });
  return all;
}

// import a.b.C; import a.b.*; import static a.b.C.m. Kotlin's files may be named otherwise than what they hold.
std::vector<Reference> java_references(std::string_view text) {
  std::vector<Reference> all;
  for_each_line(text, [&](std::string_view line) {
    line = skip_spaces(line);
    if (!take_word(line, "import")) return;
    line = skip_spaces(line);
    if (take_word(line, "static")) line = skip_spaces(line);
    std::vector<std::string> parts;
    while (true) {
      const std::string_view part = take_name(line);
      if (part.empty()) break;
      parts.emplace_back(part);
      if (!take(line, ".")) break;
    }
    const bool everything = !line.empty() && (line[0] == '*' || line[0] == '_');
    Reference reference;
    if (everything && !parts.empty()) reference.targets.push_back(join(parts, "/") + "/");
    for (; parts.size() > 1; parts.pop_back()) {
      for (const char* ending : {".java", ".kt", ".scala", ".groovy"})
        reference.targets.push_back(join(parts, "/") + ending);
    }
    all.push_back(std::move(reference));
  });
  return all;
}

namespace {

// A package's folder: what is left of its path behind host, owner, ... of the module, the longest first.
Reference go_package(std::string_view path) {
  Reference reference;
  const std::vector<std::string> parts = split(std::string(path), '/');
  const bool standard = parts[0].find('.') == std::string::npos;
  if (standard) {
    reference.targets.push_back("/" + std::string(path) + "/");
    reference.targets.push_back("/src/" + std::string(path) + "/");
  }
  for (std::size_t skipped = 1; skipped < parts.size(); ++skipped) {
    const std::string rest =
        join(std::vector<std::string>(parts.begin() + static_cast<std::ptrdiff_t>(skipped), parts.end()), "/") + "/";
    reference.targets.push_back("/" + rest);
    if (!standard && parts.size() - skipped > 1) reference.targets.push_back(rest);
  }
  return reference;
}

}  // namespace

// import "path", import name "path", and blocks of these.
std::vector<Reference> go_references(std::string_view text) {
  std::vector<Reference> all;
  bool in_block = false;
  for_each_line(text, [&](std::string_view line) {
    line = skip_spaces(line);
    if (!in_block) {
      if (!take_word(line, "import")) return;
      line = skip_spaces(line);
      if (take(line, "(")) in_block = true;
    }
    if (!line.empty() && line[0] == ')') in_block = false;
    const std::size_t begin = line.find('"');
    const std::size_t comment = line.find("//");
    if (begin == std::string_view::npos || comment < begin) return;
    const std::size_t end = line.find('"', begin + 1);
    if (end == std::string_view::npos || end == begin + 1) return;
    all.push_back(go_package(line.substr(begin + 1, end - begin - 1)));
  });
  return all;
}

}  // namespace hearth::text::code
