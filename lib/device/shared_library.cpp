// SPDX-License-Identifier: Apache-2.0
#include "lib/device/shared_library.h"

#include <dlfcn.h>
#include <link.h>

#include "lib/base/error.h"

namespace hearth {

SharedLibrary::SharedLibrary(const std::string& soname) : soname_(soname) {
  std::string problem;
  for (const char* folder : {"", "/usr/local/cuda/lib64/"}) {
    handle_ = dlopen((folder + soname).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ != nullptr) break;
    if (problem.empty()) problem = dlerror();
  }
  if (handle_ == nullptr) {
    throw Error(Kind::unavailable, "cannot load " + soname + " (" + problem +
                                       "), nor from /usr/local/cuda/lib64: install it, or name its folder in "
                                       "LD_LIBRARY_PATH");
  }
  const link_map* map = nullptr;
  path_ = dlinfo(handle_, RTLD_DI_LINKMAP, &map) == 0 ? map->l_name : soname;
}

void* SharedLibrary::address(const char* symbol) const {
  void* at = dlsym(handle_, symbol);
  if (at == nullptr)
    throw Error(Kind::unavailable, path_ + " has no " + symbol + ": another version of " + soname_ + "?");
  return at;
}

}  // namespace hearth
