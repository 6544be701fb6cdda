// SPDX-License-Identifier: Apache-2.0
// The kernels of CUDA: sm_80 and later. Each op puts its work into the stream and returns.
#pragma once
#include "kernels/backend.h"

namespace hearth::kernels::cuda {

void gemm(Stream&, const GemmArgs&);
void grouped_gemm(Stream&, const GroupedGemmArgs&);
void grouped_gemm_input_gradient(Stream&, const GroupedGemmInputGradientArgs&);
void grouped_gemm_weight_gradient(Stream&, const GroupedGemmWeightGradientArgs&);
void rmsnorm(Stream&, const RmsnormArgs&);
void rmsnorm_backward(Stream&, const RmsnormBackwardArgs&);
void rope_table(Stream&, const RopeTableArgs&);
void rope(Stream&, const RopeArgs&);
void attention(Stream&, const AttentionArgs&);
void attention_backward(Stream&, const AttentionBackwardArgs&);
void glu(Stream&, const GluArgs&);
void glu_backward(Stream&, const GluBackwardArgs&);
void router(Stream&, const RouterArgs&);
void router_backward(Stream&, const RouterBackwardArgs&);
void moe_sort(Stream&, const MoeSortArgs&);
void moe_gather(Stream&, const MoeGatherArgs&);
void moe_combine(Stream&, const MoeCombineArgs&);
void moe_combine_backward(Stream&, const MoeCombineBackwardArgs&);
void moe_to_rows(Stream&, const MoeToRowsArgs&);
void moe_from_rows(Stream&, const MoeFromRowsArgs&);
void embedding(Stream&, const EmbeddingArgs&);
void embedding_backward(Stream&, const EmbeddingBackwardArgs&);
void head(Stream&, const HeadArgs&);
void head_logits(Stream&, const HeadLogitsArgs&);
void adamw(Stream&, const AdamwArgs&);
void muon(Stream&, const MuonArgs&);
void add(Stream&, const AddArgs&);
void cast(Stream&, const CastArgs&);
void fill(Stream&, const FillArgs&);
void scale(Stream&, const ScaleArgs&);
void add_bias(Stream&, const AddBiasArgs&);
void sum_of_squares(Stream&, const SumOfSquaresArgs&);
void sum(Stream&, const SumArgs&);
void sum_rows(Stream&, const SumRowsArgs&);
void sample(Stream&, const SampleArgs&);

}  // namespace hearth::kernels::cuda
