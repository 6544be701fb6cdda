// SPDX-License-Identifier: Apache-2.0
// Descriptions of matrices for the TMA.
#pragma once
#include <cuda.h>

#include "lib/base/tensor.h"

namespace hearth::kernels::cuda::sm90 {

// Whether the GPU in use is one of sm_90 and this program has machine code for it (sm_90a).
bool on_hopper();

// Of a matrix [rows, columns] bf16 whose rows are multiples of 16 bytes, in boxes of box_rows x 64 with the swizzle of
// 128 bytes. Throws Error{unavailable} where the driver cannot make one.
CUtensorMap tensor_map(const Tensor& matrix, int box_rows);

}  // namespace hearth::kernels::cuda::sm90
