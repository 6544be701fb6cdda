// SPDX-License-Identifier: Apache-2.0
// Dense products of bf16 on Hopper: y = alpha a b^T (+ y), both matrices with k innermost (a linear layer's forward).
#pragma once
#include "kernels/gemm.h"

namespace hearth::kernels::cuda::sm90 {

// False where the GPU, the build or the operands are not for it: nothing was done. Looks at n, k, dtypes and addresses,
// never at m: a row of y depends on that row of a, on b and k.
bool gemm(Stream& stream, const GemmArgs& args);

}  // namespace hearth::kernels::cuda::sm90
