// SPDX-License-Identifier: Apache-2.0
// One implementation of every op: kernels/<op>.cpp checks the operands once, then calls through this. A backend may
// assume that shapes and dtypes fit the contract and that no extent that matters is 0.
#pragma once
#include "kernels/adamw.h"
#include "kernels/attention.h"
#include "kernels/elementwise.h"
#include "kernels/embedding.h"
#include "kernels/gemm.h"
#include "kernels/glu.h"
#include "kernels/grouped_gemm.h"
#include "kernels/head.h"
#include "kernels/moe.h"
#include "kernels/muon.h"
#include "kernels/reduce.h"
#include "kernels/rmsnorm.h"
#include "kernels/rope.h"
#include "kernels/router.h"
#include "kernels/sample.h"

namespace hearth::kernels {

template <class Args>
using Op = void (*)(Stream&, const Args&);

struct Backend {
  Op<GemmArgs> gemm;
  Op<GroupedGemmArgs> grouped_gemm;
  Op<GroupedGemmInputGradientArgs> grouped_gemm_input_gradient;
  Op<GroupedGemmWeightGradientArgs> grouped_gemm_weight_gradient;
  Op<RmsnormArgs> rmsnorm;
  Op<RmsnormBackwardArgs> rmsnorm_backward;
  Op<RopeTableArgs> rope_table;
  Op<RopeArgs> rope;
  Op<AttentionArgs> attention;
  Op<AttentionBackwardArgs> attention_backward;
  Op<GluArgs> glu;
  Op<GluBackwardArgs> glu_backward;
  Op<RouterArgs> router;
  Op<RouterBackwardArgs> router_backward;
  Op<MoeSortArgs> moe_sort;
  Op<MoeGatherArgs> moe_gather;
  Op<MoeCombineArgs> moe_combine;
  Op<MoeCombineBackwardArgs> moe_combine_backward;
  Op<MoeToRowsArgs> moe_to_rows;
  Op<MoeFromRowsArgs> moe_from_rows;
  Op<EmbeddingArgs> embedding;
  Op<EmbeddingBackwardArgs> embedding_backward;
  Op<HeadArgs> head;
  Op<HeadLogitsArgs> head_logits;
  Op<AdamwArgs> adamw;
  Op<MuonArgs> muon;
  Op<AddArgs> add;
  Op<CastArgs> cast;
  Op<FillArgs> fill;
  Op<ScaleArgs> scale;
  Op<AddBiasArgs> add_bias;
  Op<SumOfSquaresArgs> sum_of_squares;
  Op<SumArgs> sum;
  Op<SumRowsArgs> sum_rows;
  Op<SampleArgs> sample;
};

namespace ref {
extern const Backend backend;
}
namespace cpu {
extern const Backend backend;
}
namespace cuda {
extern const Backend backend;  // in programs that have it: see cuda_backend.h
}

// The one this stream asks for.
const Backend& backend_of(const Stream& stream);

}  // namespace hearth::kernels
