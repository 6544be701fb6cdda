// SPDX-License-Identifier: Apache-2.0
// Attention of the newest tokens of sequences over keys and values that lie in pages (Kwon et al. 2023): generation,
// one query a sequence or several (a prompt's next piece, drafted tokens).
//
// Sequence s holds lengths[s] tokens, its queries are the last n of them, n = cu_seqlens[s + 1] - cu_seqlens[s]; its
// position p lies in page page_table[s, p / page_tokens], row p % page_tokens. Each query gives what
// kernels/attention.h says for it, the mask and positions counted from the sequence's start. Latent form (multi-head
// latent attention with the up-projections absorbed, DeepSeek-V2 2024): without v_pages a value is the first v_dim
// elements of its key; kv_heads is 1, head_dim the latent's width and the rotary part's.
//
// dtypes: q, pages and o all f32 or all bf16; sinks, lse f32; sums f32. p is rounded to bf16 on bf16 inputs (not in
// ref). Determinism: a query's result depends on its own sequence alone, on the CPU with the bits of
// kernels/attention.h; on CUDA keys are summed in splits whose length depends on the page table's width, and the
// splits' sums in order. Aliasing: none. Errors: Error{internal} for shapes that do not fit, lengths that the table or
// the queries exceed, and pages out of range; what lies on a device is not looked at.
#pragma once
#include "kernels/attention.h"

namespace hearth::kernels {

struct AttentionDecodeArgs {
  Tensor q;             // [tokens, q_heads, head_dim], one sequence's queries after another's
  Tensor cu_seqlens;    // [sequences + 1] i32: where each sequence's queries start; the last is tokens
  Tensor k_pages;       // [pages, page_tokens, kv_heads, head_dim]
  Tensor v_pages = {};  // [pages, page_tokens, kv_heads, v_dim], or none: the latent form
  Tensor page_table;    // [sequences, most_pages] i32
  Tensor lengths;       // [sequences] i32: tokens in the pages, the queries' own included
  Tensor sinks = {};    // [q_heads] f32 or none
  Tensor o;             // [tokens, q_heads, v_dim], out
  Tensor lse = {};      // [q_heads, tokens] f32, out, or none
  AttentionMask mask = {};
  float scale = 1;
  float softcap = 0;
};
void attention_decode(Stream& stream, const AttentionDecodeArgs& args);

}  // namespace hearth::kernels
