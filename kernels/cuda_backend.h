// SPDX-License-Identifier: Apache-2.0
// The seam between a program with CUDA and one without: defined in cuda/backend.cpp and in without_cuda.cpp; the linker
// takes the former where its object is named.
#pragma once
#include "kernels/backend.h"
#include "kernels/scratch.h"
#include "lib/base/libraries.h"

namespace hearth::kernels {

const Backend& cuda_backend();

// kernels/scratch.h, on CUDA.
std::size_t cuda_scratch_bytes(const ScratchNeeds& needs);

// cuBLASLt and cuDNN, their versions and files. Throw Error{unavailable} where they cannot be loaded.
Library cuda_blas();
Library cuda_dnn();

}  // namespace hearth::kernels
