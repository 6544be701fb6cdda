// SPDX-License-Identifier: Apache-2.0
// import a.b as c, d; from .a import b, (c,
//   d): a name behind "from ... import" is a module of that package if there is one, else a thing inside it. The
// packages above a module are not counted as needed, though Python runs their __init__.py first: nearly every package's
// imports its modules, and all would be cycles.
#include "lib/base/text.h"
#include "lib/text/code/imports.h"
#include "lib/text/code/lines.h"

namespace hearth::text::code {
namespace {

// Statements without comments and strings of three quotes; what stands in parentheses or behind a \ is one line.
class Statements {
 public:
  template <class Use>
  void each(std::string_view text, Use use) {
    for_each_line(text, [&](std::string_view line) {
      add(line);
      if (!quote_.empty() || open_ > 0) return;
      if (!statement_.empty() && statement_.back() == '\\') {
        statement_.back() = ' ';
        return;
      }
      use(std::string_view(statement_));
      statement_.clear();
    });
  }

 private:
  void add(std::string_view line) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string_view rest = line.substr(i);
      if (!quote_.empty()) {  // of three
        if (rest[0] == '\\') {
          ++i;
        } else if (rest.starts_with(quote_)) {
          quote_ = {};
          i += 2;
        }
      } else if (rest.starts_with("\"\"\"") || rest.starts_with("'''")) {
        quote_ = rest[0] == '"' ? "\"\"\"" : "'''";
        i += 2;
      } else if (rest[0] == '"' || rest[0] == '\'') {
        i = end_of_string(line, i);
      } else if (rest[0] == '#') {
        return;
      } else {
        open_ += rest[0] == '(' || rest[0] == '[' || rest[0] == '{' ? 1 : 0;
        open_ -= (rest[0] == ')' || rest[0] == ']' || rest[0] == '}') && open_ > 0 ? 1 : 0;
        statement_ += rest[0];
      }
    }
    if (open_ > 0) statement_ += ' ';
  }

  static std::size_t end_of_string(std::string_view line, std::size_t begin) {
    std::size_t i = begin + 1;
    while (i < line.size() && line[i] != line[begin]) i += line[i] == '\\' ? 2 : 1;
    return i;
  }

  std::string statement_;
  std::string_view quote_;
  int open_ = 0;
};

struct Name {
  std::size_t dots = 0;  // in front: relative
  std::vector<std::string> parts;
};

Name take_dotted(std::string_view& text) {
  Name name;
  text = skip_spaces(text);
  while (take(text, ".")) ++name.dots;
  while (true) {
    const std::string_view part = take_name(text);
    if (part.empty()) return name;
    name.parts.emplace_back(part);
    if (!take(text, ".")) return name;
  }
}

// Appends the files that may be the module.
void add_module(const Name& name, std::string_view path, Reference& reference) {
  std::string stem = join(name.parts, "/");
  if (name.dots > 0) {
    std::string_view folder = folder_of(path);
    for (std::size_t i = 1; i < name.dots; ++i) {
      if (folder.empty()) return;
      folder = folder_of(folder);
    }
    stem = "/" + joined_path(folder, stem);
  }
  if (stem.empty()) return;
  if (stem != "/") {
    for (const char* ending : {".py", ".pyx", ".pyi", ".pxd"}) reference.targets.push_back(stem + ending);
    stem += "/";
  }
  reference.targets.push_back(stem + "__init__.py");
}

void add_from(std::string_view rest, std::string_view path, std::vector<Reference>& all) {
  const Name package = take_dotted(rest);
  rest = skip_spaces(rest);
  if (!take_word(rest, "import") && !take_word(rest, "cimport")) return;
  for (std::string& item : split(std::string(rest), ',')) {
    std::string_view left = item;
    while (!left.empty() && (left[0] == ' ' || left[0] == '(' || left[0] == '\t')) left.remove_prefix(1);
    const std::string_view thing = take_name(left);
    if (thing.empty() && (left.empty() || left[0] != '*')) continue;
    Reference reference{{}, package.dots == 0};
    if (!thing.empty()) {
      Name module = package;
      module.parts.emplace_back(thing);
      add_module(module, path, reference);
    }
    add_module(package, path, reference);
    all.push_back(std::move(reference));
  }
}

void add_imports(std::string_view rest, std::string_view path, std::vector<Reference>& all) {
  for (std::string& item : split(std::string(rest), ',')) {
    std::string_view left = item;
    const Name module = take_dotted(left);
    if (module.parts.empty() || module.dots > 0) return;
    Reference reference{{}, true};
    add_module(module, path, reference);
    all.push_back(std::move(reference));
  }
}

}  // namespace

std::vector<Reference> python_references(std::string_view path, std::string_view text) {
  std::vector<Reference> all;
  Statements statements;
  statements.each(text, [&](std::string_view line) {
    for (const std::string& part : split(std::string(line), ';')) {
      std::string_view statement = skip_spaces(part);
      for (std::string_view word : {"try:", "else:", "finally:"}) {  // on one line
        if (take(statement, word)) statement = skip_spaces(statement);
      }
      if (take_word(statement, "import") || take_word(statement, "cimport")) {
        add_imports(statement, path, all);
      } else if (take_word(statement, "from")) {
        add_from(statement, path, all);
      }
    }
  });
  return all;
}

}  // namespace hearth::text::code
