// SPDX-License-Identifier: Apache-2.0
// The seam between a program with CUDA and one without: both define these functions, in cuda/gpus.cpp
// and without_cuda.cpp; the linker takes the former where its object is named.
#pragma once
#include <vector>

#include "lib/base/libraries.h"
#include "lib/device/device.h"

namespace hearth {

// Makes the GPU of that number the process's. Throws Error{unavailable} that says why there is none.
const DeviceApi& cuda_api(int ordinal);

// What there is of CUDA, for `hearth doctor`: what the kernels were built for, the runtime, the driver, each GPU.
// Empty in a program without CUDA.
std::vector<Library> cuda_facts();

}  // namespace hearth
