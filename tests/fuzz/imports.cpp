// SPDX-License-Identifier: Apache-2.0
// The rules on imports of all languages.
#include "lib/text/code/order.h"
#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(imports) {
  using namespace hearth::text::code;
  const std::vector<std::string> paths{"a.py", "pkg/__init__.py", "src/a.rs", "src/lib.rs", "x/y/z.h"};
  const FileIndex index(paths);
  for (const char* language : {"c", "python", "java", "go", "rust", "typescript"}) {
    for (std::uint32_t file = 0; file < paths.size(); ++file) {
      for (const std::uint32_t needed : index.needs(file, references(paths[file], language, bytes)))
        hearth::fuzz::require(needed < paths.size() && needed != file, "another file");
    }
  }
}
