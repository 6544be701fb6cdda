// SPDX-License-Identifier: Apache-2.0
// A library that is looked for when it is first needed, so that a program starts where it is not installed (cuBLASLt,
// NCCL, cuDNN). It stays open for the process's life.
#pragma once
#include <string>

namespace hearth {

class SharedLibrary {
 public:
  // soname: "libcublasLt.so.13". Looked for where the loader looks (LD_LIBRARY_PATH, the system's cache), then where
  // CUDA is installed by default. Throws Error{unavailable} that names the library and says what to do.
  explicit SharedLibrary(const std::string& soname);

  // Sets function to the symbol of that name. Throws Error{unavailable} where the library has none.
  template <class Function>
  void find(Function& function, const char* symbol) const {
    function = reinterpret_cast<Function>(address(symbol));
  }
  // The file it was found in.
  const std::string& path() const { return path_; }

 private:
  void* address(const char* symbol) const;

  std::string soname_, path_;
  void* handle_ = nullptr;
};

}  // namespace hearth
