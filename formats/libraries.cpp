// SPDX-License-Identifier: Apache-2.0
#include "formats/libraries.h"

#include <H5public.h>
#include <zlib.h>
#include <zstd.h>

namespace hearth::formats {

std::vector<Library> libraries() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return {{"HDF5", std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release)},
          {"zstd", ZSTD_versionString()},
          {"zlib", zlibVersion()}};
}

}  // namespace hearth::formats
