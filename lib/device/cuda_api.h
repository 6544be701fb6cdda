// SPDX-License-Identifier: Apache-2.0
// The seam between a program with CUDA and one without: both define this function, in cuda/api.cpp and
// without_cuda.cpp; the linker takes the former where its object is named.
#pragma once
#include "lib/device/device.h"

namespace hearth {

// Makes the GPU of that number the process's. Throws Error{unavailable} that says why there is none.
const DeviceApi& cuda_api(int ordinal);

}  // namespace hearth
