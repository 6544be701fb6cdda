// SPDX-License-Identifier: Apache-2.0
// The device that the tests of the CUDA backend run on: a GPU, or the SIMT machine. Without either the program ends as
// skipped, with the reason.
#pragma once
#include <cstdio>
#include <cstdlib>

#include "lib/device/device.h"

namespace hearth::test {

inline Device gpu() {
  try {
    return Device::cuda();
  } catch (const Error& error) {
    std::fprintf(stderr, "skipped: %s\n", error.what());
    std::exit(77);
  }
}

}  // namespace hearth::test
