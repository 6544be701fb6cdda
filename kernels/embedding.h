// SPDX-License-Identifier: Apache-2.0
// Rows of a table, by token id.
//
//   y[t] = table[ids[t]];   backward: d_table[ids[t]] += dy[t], tokens in ascending order
// A table in parts holds ids [first, first + vocab) of whole: y[t] = 0 where the id's row is elsewhere, and no
// gradient.
//
// dtypes: ids i32; table and y both f32 or both bf16; dy f32 or bf16; d_table f32. Same bits for any number of threads.
// Aliasing: none. Errors: Error{internal} for shapes that do not fit, Error{data} for an id outside [0, vocab), or [0,
// whole).
#pragma once
#include "lib/base/tensor.h"
#include "lib/device/device.h"

namespace hearth::kernels {

struct EmbeddingArgs {
  Tensor ids;                         // [tokens] i32
  Tensor table;                       // [vocab, hidden]
  Tensor y;                           // [tokens, hidden], out
  std::int64_t first = 0, whole = 0;  // of a part; whole 0: the table is all
};
void embedding(Stream& stream, const EmbeddingArgs& args);

struct EmbeddingBackwardArgs {
  Tensor ids;      // [tokens] i32
  Tensor dy;       // [tokens, hidden]
  Tensor d_table;  // [vocab, hidden] f32, added to
  std::int64_t first = 0, whole = 0;
};
void embedding_backward(Stream& stream, const EmbeddingBackwardArgs& args);

}  // namespace hearth::kernels
