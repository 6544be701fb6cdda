// SPDX-License-Identifier: Apache-2.0
// Where each of hearth's tensors lies in a Hugging Face folder. All families hearth knows so far share one table: their
// tensors are hearth's own, cut along the rows, so that a layout move is a concatenation in order.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/tensor.h"
#include "lib/nn/parameters.h"

namespace hearth::store {

// A tensor of the folder: a run of n_elements of hearth's tensor, in order after the pieces before it.
struct HfPiece {
  std::string name;
  Shape shape;
};

// The pieces of a tensor. Throws Error{internal} for a name the table lacks.
std::vector<HfPiece> hf_pieces(const nn::ParameterSpec& spec);

// The one piece of a tensor where experts are stored fused (transformers 5 in memory; some writers on disk); empty name
// for all others.
HfPiece hf_fused_piece(const nn::ParameterSpec& spec);

// Tensors that are no parameters though older writers stored them: to be passed over.
bool hf_is_derived(std::string_view name);

}  // namespace hearth::store
