// SPDX-License-Identifier: Apache-2.0
// The plan of all ops' scratch memory.
#include "kernels/cuda/columns.cuh"
#include "kernels/cuda_backend.h"

namespace hearth::kernels {

std::size_t cuda_scratch_bytes(const ScratchNeeds& needs) {
  using namespace cuda;
  const std::int64_t rows = std::max(needs.tokens, needs.expert_rows);
  std::size_t most = static_cast<std::size_t>(
                         column_parts_at_most(needs.tokens * std::max<std::int64_t>(needs.q_heads, 1), needs.widest)) *
                     sizeof(float);
  for (const std::size_t each :
       {attention_backward_scratch(needs.tokens, needs.q_heads), sum_scratch(needs.largest), sum_scratch(needs.tokens),
        router_backward_scratch(needs.tokens, needs.tokens, needs.experts), moe_sort_scratch(rows, needs.experts)})
    most = std::max(most, each);
  if (needs.kernels.attention != GpuKernels::Attention::portable && needs.dtype == DType::bf16)
    most = std::max(most, attention_dnn_scratch(needs.tokens, needs.q_heads, needs.head_dim));
  const bool aligned = needs.hidden % 8 == 0 && needs.expert_ffn % 8 == 0;
  if (needs.experts > 0) {
    most = std::max(
        most, expert_gradient_scratch(rows, needs.expert_ffn, needs.dtype, needs.dtype == DType::bf16 && aligned));
  }
  if (needs.experts > 0 && needs.kernels.grouped == GpuKernels::Grouped::cublaslt)
    most = std::max(most, grouped_blas_scratch(rows, needs.hidden, needs.expert_ffn));
  return blas_workspace_bytes + most;
}

}  // namespace hearth::kernels
