// SPDX-License-Identifier: Apache-2.0
// The fast host kernels. Work is cut into pieces by shape alone and handed to the stream's thread pool.
#pragma once
#include "kernels/backend.h"

namespace hearth::kernels::cpu {

void gemm(Stream&, const GemmArgs&);
void grouped_gemm(Stream&, const GroupedGemmArgs&);
void grouped_gemm_input_gradient(Stream&, const GroupedGemmInputGradientArgs&);
void grouped_gemm_weight_gradient(Stream&, const GroupedGemmWeightGradientArgs&);

}  // namespace hearth::kernels::cpu
