// SPDX-License-Identifier: Apache-2.0
// The one list of ops, and what follows from it: kernels/<op>.cpp checks the operands once, then calls through Backend.
// An implementation may assume that shapes and dtypes fit the contract and that no extent that matters is 0.
#pragma once
#include "kernels/adamw.h"
#include "kernels/attention.h"
#include "kernels/attention_decode.h"
#include "kernels/elementwise.h"
#include "kernels/embedding.h"
#include "kernels/gemm.h"
#include "kernels/glu.h"
#include "kernels/grouped_gemm.h"
#include "kernels/head.h"
#include "kernels/moe.h"
#include "kernels/muon.h"
#include "kernels/norm_rope.h"
#include "kernels/reduce.h"
#include "kernels/rmsnorm.h"
#include "kernels/rope.h"
#include "kernels/router.h"
#include "kernels/sample.h"
#include "kernels/step.h"

// Each is declared in its contract as `void name(Stream&, const Args&)`; an implementation has the same name and type.
// clang-format off
#define HEARTH_OPS(op) \
  op(gemm) op(grouped_gemm) op(grouped_gemm_input_gradient) op(grouped_gemm_weight_gradient) \
  op(rmsnorm) op(rmsnorm_backward) op(rope_table) op(rope) op(norm_rope) op(norm_rope_backward) \
  op(attention) op(attention_backward) op(attention_cut) op(attention_merge) op(attention_decode) \
  op(glu) op(glu_backward) op(router) op(router_backward) \
  op(moe_sort) op(moe_gather) op(moe_combine) op(moe_combine_backward) op(moe_arrived) op(moe_to_rows) op(moe_from_rows) \
  op(embedding) op(embedding_backward) op(head) op(head_logits) op(adamw) op(muon) \
  op(add) op(cast) op(fill) op(scale) op(add_bias) op(sum_of_squares) op(sum) op(sum_rows) op(sample) \
  op(token_totals) op(count_tokens) op(at_least) op(judge_step) op(move_selection_bias)
// clang-format on

namespace hearth::kernels {

struct Backend {
#define HEARTH_POINTER(name) decltype(&kernels::name) name;
  HEARTH_OPS(HEARTH_POINTER)
#undef HEARTH_POINTER
};

// Of a backend: its functions, declared, and the table of them.
#define HEARTH_IMPLEMENTATION(name) decltype(kernels::name) name;
#define HEARTH_ENTRY(name) .name = name,
namespace ref {  // plain loops over doubles: what the contracts say and nothing clever, the oracle for all others
HEARTH_OPS(HEARTH_IMPLEMENTATION)
inline constexpr Backend backend{HEARTH_OPS(HEARTH_ENTRY)};
}  // namespace ref
namespace cpu {  // fast; work is cut into pieces by shape alone and handed to the stream's thread pool
HEARTH_OPS(HEARTH_IMPLEMENTATION)
inline constexpr Backend backend{HEARTH_OPS(HEARTH_ENTRY)};
}  // namespace cpu
namespace cuda {  // sm_80 and later, in programs that have it (cuda_backend.h); an op enters the stream and returns
HEARTH_OPS(HEARTH_IMPLEMENTATION)
inline constexpr Backend backend{HEARTH_OPS(HEARTH_ENTRY)};
}  // namespace cuda
#undef HEARTH_IMPLEMENTATION
#undef HEARTH_ENTRY

// The one this stream asks for.
const Backend& backend_of(const Stream& stream);

}  // namespace hearth::kernels
