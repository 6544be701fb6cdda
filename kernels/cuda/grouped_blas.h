// SPDX-License-Identifier: Apache-2.0
// Grouped products as products of cuBLASLt, one an expert, on several streams: what a GPU has libraries for. The host
// must know the experts' rows, so each op waits for the stream to get there, and nothing of it can be recorded;
// gathered rows are written out first, and a glu is a pass of its own.
#pragma once
#include "kernels/grouped_gemm.h"

namespace hearth::kernels::cuda {

// False where the operands are not for it (not bf16): nothing was done.
bool grouped_by_blas(Stream& stream, const GroupedGemmArgs& args);
bool grouped_by_blas(Stream& stream, const GroupedGemmInputGradientArgs& args);
bool grouped_by_blas(Stream& stream, const GroupedGemmWeightGradientArgs& args);

}  // namespace hearth::kernels::cuda
