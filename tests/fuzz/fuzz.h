// SPDX-License-Identifier: Apache-2.0
// Readers of bytes that anybody may have written, each as a target: it gets any bytes and may throw hearth::Error (of a
// kind other than internal), but not crash, hang, or break what it promises (require).
// Configured with HEARTH_FUZZ=ON and clang, each target is a libFuzzer program fuzz_NAME. In every build fuzz_replay
// runs the files of tests/golden/fuzz/NAME through the target, so that no target rots and no find comes back.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::fuzz {

using Target = void (*)(std::string_view bytes);

// Runs the target on the bytes; aborts where it throws anything that is no good Error.
void run(Target target, std::string_view bytes);

// Aborts, saying what, unless good.
void require(bool good, const char* what);

// The bytes as a file in memory that has a path, while the object lives.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Registration {
  Registration(const char* name, Target target);
};

}  // namespace hearth::fuzz

#ifdef HEARTH_LIBFUZZER
#define FUZZ_TARGET_ENTRY(NAME)                                                         \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {   \
    hearth::fuzz::run(hearth_fuzz_##NAME, {reinterpret_cast<const char*>(data), size}); \
    return 0;                                                                           \
  }
#else
#define FUZZ_TARGET_ENTRY(NAME) \
  static const hearth::fuzz::Registration registration_of_##NAME(#NAME, hearth_fuzz_##NAME);
#endif

// FUZZ_TARGET(html) { ... bytes ... }
#define FUZZ_TARGET(NAME)                                 \
  static void hearth_fuzz_##NAME(std::string_view bytes); \
  FUZZ_TARGET_ENTRY(NAME)                                 \
  static void hearth_fuzz_##NAME(std::string_view bytes)
