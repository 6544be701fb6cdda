// SPDX-License-Identifier: Apache-2.0
// What a source file says it needs of its repository: import, include, use, require, told by simple rules a language,
// without preprocessor, build files or search paths. Something that is no file of the repository (a standard library)
// is a reference all the same, and meets nothing when it is looked up (order.h).
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hearth::text::code {

// One statement's meaning: the first of the targets that the repository holds. A target is a path as it stands in
// sources:
//   "/src/a.py"   from the top of the repository
//   "net/a.h"     the end of a path; of several the one nearest to the file that refers to it
//   "/pkg/"       all files of the same language in a folder; "pkg/" likewise by the end of its path
struct Reference {
  std::vector<std::string> targets;
  // Of an end of a path: only in the folder of the file that refers to it, in those above, and in src, lib and python
  // below these; and not inside a package (a folder with __init__.py). Python's rules.
  bool from_roots = false;
};

// path: from the top of the repository, without leading slash. Languages are named as in languages.h; those without
// rules have no references. In the order of the text, each once.
std::vector<Reference> references(std::string_view path, std::string_view language, std::string_view text);

// "a/b/../c/./d" is "a/c/d"; "" when it leads out of the repository.
std::string joined_path(std::string_view folder, std::string_view relative);
std::string_view folder_of(std::string_view path);  // "a" of "a/b.c", "" of "b.c"

// The rules of each language; references() calls them.
std::vector<Reference> c_references(std::string_view path, std::string_view text);
std::vector<Reference> go_references(std::string_view text);
std::vector<Reference> java_references(std::string_view text);
std::vector<Reference> python_references(std::string_view path, std::string_view text);
std::vector<Reference> rust_references(std::string_view path, std::string_view text);
std::vector<Reference> script_references(std::string_view path, std::string_view text);  // JavaScript, TypeScript

}  // namespace hearth::text::code
