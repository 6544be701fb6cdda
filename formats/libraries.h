// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "lib/base/libraries.h"

namespace hearth::formats {

std::vector<Library> libraries();  // HDF5, zstd, zlib

}  // namespace hearth::formats
