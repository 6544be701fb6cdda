// SPDX-License-Identifier: Apache-2.0
// Bringing tokens to their experts and back. rows = tokens * k: one for each (token, choice), sorted by expert, then by
// token (stable, so the order is a function of the choices alone).
//
//   moe_sort      offsets (where each expert's rows start), row_of [tokens, k] and its inverse token_of [rows]
//   moe_gather    rows[r] = x[token_of[r]]
//   moe_combine   y[t] = base[t] + sum over i of weights[t, i] * rows[row_of[t, i]]    (weights none: 1; base none: 0)
//                 without weights it is also the backward of moe_gather
//   moe_combine_backward   d_rows[row_of[t, i]] = weights[t, i] * dy[t];  d_weights[t, i] = dy[t] . rows[row_of[t, i]]
//                 (without weights the backward is moe_gather)
//   moe_arrived   of rows that came from several ranks, one rank's after another's, each rank's sorted by expert: which
//                 of the experts [first, first + experts here) each of rows [begin, begin + rows) is for, less first
//   moe_to_rows / moe_from_rows   one f32 a choice: [tokens, k] <-> [rows] (weights applied in glu, and their gradient)
//
// dtypes: x, rows, y and their gradients all f32 or all bf16, sums in f32 over i ascending; weights f32; indices i32.
// Each output depends on its own token alone; same bits for any number of threads.
// Aliasing: y may be base; nothing else overlaps. Errors: Error{internal} for shapes that do not fit; an expert id out
// of range is Error{internal} too.
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct MoeSortArgs {
  Tensor expert_ids;  // [tokens, k] i32
  Tensor offsets;     // [experts + 1] i32, out
  Tensor row_of;      // [tokens, k] i32, out
  Tensor token_of;    // [tokens * k] i32, out
};
void moe_sort(Stream& stream, const MoeSortArgs& args);

struct MoeGatherArgs {
  Tensor x;         // [tokens, hidden]
  Tensor token_of;  // [rows] i32
  Tensor rows;      // [rows, hidden], out
};
void moe_gather(Stream& stream, const MoeGatherArgs& args);

struct MoeCombineArgs {
  Tensor rows;          // [rows, hidden]
  Tensor row_of;        // [tokens, k] i32
  Tensor weights = {};  // [tokens, k] f32 or none
  Tensor base = {};     // [tokens, hidden] or none
  Tensor y;             // [tokens, hidden], out
};
void moe_combine(Stream& stream, const MoeCombineArgs& args);

struct MoeCombineBackwardArgs {
  Tensor dy;         // [tokens, hidden]
  Tensor rows;       // [rows, hidden]
  Tensor row_of;     // [tokens, k] i32
  Tensor weights;    // [tokens, k] f32
  Tensor d_rows;     // [rows, hidden], out
  Tensor d_weights;  // [tokens, k] f32, out
};
void moe_combine_backward(Stream& stream, const MoeCombineBackwardArgs& args);

struct MoeArrivedArgs {
  Tensor counts;                       // [ranks, experts] i32: the rows of each rank for each expert
  std::int64_t first = 0, n_here = 0;  // experts
  std::int64_t begin = 0;
  Tensor expert_ids;  // [rows, 1] i32, out
};
void moe_arrived(Stream& stream, const MoeArrivedArgs& args);

struct MoeToRowsArgs {
  Tensor row_of;   // [tokens, k] i32
  Tensor choices;  // [tokens, k] f32
  Tensor rows;     // [rows] f32, out
};
void moe_to_rows(Stream& stream, const MoeToRowsArgs& args);

struct MoeFromRowsArgs {
  Tensor row_of;   // [tokens, k] i32
  Tensor rows;     // [rows] f32
  Tensor choices;  // [tokens, k] f32, out
};
void moe_from_rows(Stream& stream, const MoeFromRowsArgs& args);

}  // namespace hearth::kernels
