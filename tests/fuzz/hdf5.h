// SPDX-License-Identifier: Apache-2.0
// What is read with HDF5 around it: the library itself is not at issue, and its own faults would hide ours. Of a
// damaged object header it loses a few hundred bytes (1.10.8: H5O_protect within H5Dopen2, which then reports the
// damage), so its leaks are let pass; that we close what we open is asked of it in their place.
#pragma once
#include <hdf5.h>

#include "tests/fuzz/fuzz.h"

extern "C" inline __attribute__((used)) const char* __lsan_default_suppressions() {  // NOLINT: the sanitizer's name
  return "leak:libhdf5\n";
}

namespace hearth::fuzz {

// Declared before what reads: at its end everything must be closed.
struct AllClosed {
  ~AllClosed() {
    require(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) == 0, "all files, datasets, types and attributes are closed");
  }
};

}  // namespace hearth::fuzz
