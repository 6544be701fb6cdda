// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "lib/base/error.h"

namespace hearth::fuzz {

void run(Target target, std::string_view bytes) {
  try {
    target(bytes);
  } catch (const Error& error) {
    if (error.kind() != Kind::internal) return;
    std::fprintf(stderr, "an internal error: %s\n", error.what());
    std::abort();
  }
}

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

MemoryFile::MemoryFile(std::string_view bytes) : path_("/dev/shm/hearth-fuzz-XXXXXX") {
  const int descriptor = ::mkstemp(path_.data());
  const bool written = ::write(descriptor, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  require(written, "a file in /dev/shm");
  ::close(descriptor);
}

MemoryFile::~MemoryFile() {
  ::unlink(path_.c_str());
}

}  // namespace hearth::fuzz
