// SPDX-License-Identifier: Apache-2.0
// The house rules of DESIGN section 1 and STYLE that a program can check. Each check looks at one file and returns its
// findings as "path:line: what is wrong"; the tests run them over the repository and over snippets that must fail.
#pragma once
#include <string>
#include <vector>

#include "tests/meta/source_tree.h"

namespace hearth::meta {

using Findings = std::vector<std::string>;

// An include of our own may only go down.
Findings check_layers(const SourceFile& file);

// A foreign header stands only in the folders that may link its library, and but for a few only in .cpp files.
Findings check_foreign_headers(const SourceFile& file);

// What the library never does: print, exit, read the environment, run a shell, hold a raw handle of CUDA, HDF5 or MPI
// outside its wrapper.
Findings check_calls(const SourceFile& file);

// SPDX line, names of folders and files.
Findings check_names(const SourceFile& file);

// `eval` and `export` are shell builtins: in scripts, make recipes and documentation they are called through `hearth`
// or by a path.
Findings check_builtin_names(const SourceFile& file);

struct Function {
  std::string head;  // the text before its brace, on one line
  std::size_t first_line = 0, n_lines = 0;
};

// The functions of a C++ file, methods included, lambdas inside functions not.
std::vector<Function> functions_of(std::string_view text);

}  // namespace hearth::meta
