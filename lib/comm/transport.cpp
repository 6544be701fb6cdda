// SPDX-License-Identifier: Apache-2.0
#include "lib/comm/transport.h"

#include <dlfcn.h>

#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace hearth::comm {
namespace {

constexpr const char* file_name = "libhearth_mpi.so";

const Transport& load() {
  std::error_code failure;
  const std::filesystem::path tools = std::filesystem::read_symlink("/proc/self/exe", failure).parent_path();
  const std::vector<std::filesystem::path> places{tools / file_name, tools.parent_path() / "lib" / file_name,
                                                  tools.parent_path() / "lib/hearth" / file_name};
  std::string tried;
  for (const auto& place : places) {
    if (!std::filesystem::exists(place, failure)) {
      tried += (tried.empty() ? "" : ", ") + place.string();
      continue;
    }
    void* library =
        dlopen(place.c_str(), RTLD_NOW | RTLD_GLOBAL);  // global: MPI opens plugins that look for its symbols
    if (library == nullptr) {
      throw Error(Kind::unavailable, place.string() + " cannot be loaded (" + dlerror() +
                                         "): load the MPI it was built with, or rebuild it with this site's");
    }
    const auto entry = reinterpret_cast<TransportEntry>(dlsym(library, transport_symbol));
    const Transport* table = entry == nullptr ? nullptr : entry(transport_version);
    if (table == nullptr) {
      throw Error(Kind::unavailable, place.string() + " belongs to another version of hearth: rebuild it");
    }
    return *table;
  }
  throw Error(Kind::unavailable,
              std::string("started as one of many processes, but there is no ") + file_name + " (looked for " + tried +
                  "): install Open MPI's development package and build again, or start one process without a launcher");
}

}  // namespace

const Transport& mpi_transport() {
  static const Transport& table = load();
  return table;
}

}  // namespace hearth::comm
