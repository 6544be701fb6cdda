// SPDX-License-Identifier: Apache-2.0
// Products inside the backend: cuBLASLt where it can, our own f32 tiles for operands of two dtypes and where it cannot.
#pragma once
#include "kernels/gemm.h"
#include "kernels/grouped_gemm.h"

namespace hearth::kernels::cuda {

void multiply(Stream& stream, const GemmArgs& args);

// The three grouped products in f32 arithmetic, any dtypes and widths, without a glu.
void grouped_tiles(Stream& stream, const GroupedGemmArgs& args);
void grouped_tiles(Stream& stream, const GroupedGemmInputGradientArgs& args);
void grouped_tiles(Stream& stream, const GroupedGemmWeightGradientArgs& args);

}  // namespace hearth::kernels::cuda
