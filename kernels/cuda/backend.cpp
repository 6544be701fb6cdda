// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda_backend.h"

#include "kernels/cuda/ops.h"

namespace hearth::kernels::cuda {

const Backend backend{.gemm = gemm,
                      .grouped_gemm = grouped_gemm,
                      .grouped_gemm_input_gradient = grouped_gemm_input_gradient,
                      .grouped_gemm_weight_gradient = grouped_gemm_weight_gradient,
                      .rmsnorm = rmsnorm,
                      .rmsnorm_backward = rmsnorm_backward,
                      .rope_table = rope_table,
                      .rope = rope,
                      .attention = attention,
                      .attention_backward = attention_backward,
                      .glu = glu,
                      .glu_backward = glu_backward,
                      .router = router,
                      .router_backward = router_backward,
                      .moe_sort = moe_sort,
                      .moe_gather = moe_gather,
                      .moe_combine = moe_combine,
                      .moe_combine_backward = moe_combine_backward,
                      .moe_to_rows = moe_to_rows,
                      .moe_from_rows = moe_from_rows,
                      .embedding = embedding,
                      .embedding_backward = embedding_backward,
                      .head = head,
                      .head_logits = head_logits,
                      .adamw = adamw,
                      .muon = muon,
                      .add = add,
                      .cast = cast,
                      .fill = fill,
                      .scale = scale,
                      .add_bias = add_bias,
                      .sum_of_squares = sum_of_squares,
                      .sum = sum,
                      .sum_rows = sum_rows,
                      .sample = sample};

}  // namespace hearth::kernels::cuda

namespace hearth::kernels {

const Backend& cuda_backend() { return cuda::backend; }

}  // namespace hearth::kernels
