// SPDX-License-Identifier: Apache-2.0
#include "kernels/backend.h"

#include "kernels/cpu/ops.h"
#include "kernels/ref/ops.h"

namespace hearth::kernels::cpu {

const Backend backend{.gemm = gemm,
                      .grouped_gemm = grouped_gemm,
                      .grouped_gemm_input_gradient = grouped_gemm_input_gradient,
                      .grouped_gemm_weight_gradient = grouped_gemm_weight_gradient,
                      .rmsnorm = ref::rmsnorm,
                      .rmsnorm_backward = ref::rmsnorm_backward,
                      .rope_table = ref::rope_table,
                      .rope = ref::rope,
                      .attention = ref::attention,
                      .attention_backward = ref::attention_backward,
                      .glu = ref::glu,
                      .glu_backward = ref::glu_backward,
                      .router = ref::router,
                      .router_backward = ref::router_backward,
                      .moe_sort = ref::moe_sort,
                      .moe_gather = ref::moe_gather,
                      .moe_combine = ref::moe_combine,
                      .moe_combine_backward = ref::moe_combine_backward,
                      .moe_to_rows = ref::moe_to_rows,
                      .moe_from_rows = ref::moe_from_rows,
                      .embedding = ref::embedding,
                      .embedding_backward = ref::embedding_backward,
                      .head = ref::head,
                      .head_logits = ref::head_logits,
                      .adamw = ref::adamw,
                      .muon = ref::muon,
                      .add = ref::add,
                      .cast = ref::cast,
                      .fill = ref::fill,
                      .scale = ref::scale,
                      .add_bias = ref::add_bias,
                      .sum_of_squares = ref::sum_of_squares,
                      .sum = ref::sum,
                      .sum_rows = ref::sum_rows,
                      .sample = ref::sample};

}  // namespace hearth::kernels::cpu
