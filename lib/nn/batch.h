// SPDX-License-Identifier: Apache-2.0
// What one forward (and backward) pass works on: some documents, packed one after another.
#pragma once
#include "lib/base/tensor.h"

namespace hearth::nn {

// Views of memory that the caller keeps alive during the call. `tokens` counts all documents together; documents never
// see one another. A piece of a document that was split is a document of its own whose positions go on counting.
struct Batch {
  Tensor ids;           // [tokens] i32
  Tensor positions;     // [tokens] i32, of each token in its document
  Tensor cu_seqlens;    // [documents + 1] i32: where each document starts; 0 first, tokens last
  Tensor targets;       // [tokens] i32, the token to predict; negative: none (ends of documents, padding)
  Tensor token_weight;  // [tokens] f32, of each target in the loss (0 without one)
  Tensor embeddings;    // [tokens, hidden] in the model's dtype, or none: instead of the table's rows (images, probes)

  // Of the host: which experts each token goes to, best first, instead of the router's choice (routing replayed), and
  // where to note the choices made. [layers, tokens, k] i32 each, or none; rows of dense layers mean nothing.
  Tensor expert_choices = {}, chosen_experts = {};

  std::int64_t longest = 0;  // no document has more tokens; 0: not told

  std::int64_t n_tokens() const { return ids.n_elements(); }
};

}  // namespace hearth::nn
