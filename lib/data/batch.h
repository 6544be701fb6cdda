// SPDX-License-Identifier: Apache-2.0
// Rows of tokens as the model reads them.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "lib/data/packing.h"

namespace hearth::data {

// n = n_rows * context tokens, row after row. What a row does not fill is padding: a segment of its own, weight 0.
struct Batch {
  std::vector<std::int32_t> tokens;      // [n] inputs
  std::vector<std::int32_t> targets;     // [n] the token that follows; -1 where the weight is 0
  std::vector<float> weights;            // [n] 1, or 0 for padding
  std::vector<std::int32_t> positions;   // [n] within the segment, from 0
  std::vector<std::int32_t> cu_seqlens;  // [n_segments + 1] where segments begin; attention stays within one
  std::int64_t n_targets = 0;            // sum of weights
  std::int64_t target_bytes = 0;         // bytes of text the targets stand for (0 for special tokens)
};

// What turns a row of one source into tokens.
struct SourceView {
  const formats::TokensSplit* split = nullptr;
  const formats::TokensHeader* header = nullptr;
  std::vector<std::uint16_t> only;  // the document sources to take, ascending; empty: all
};

// The batch of rows, filled up with empty rows to n_rows. Throws Error{data} for an id beyond the vocabulary.
Batch assemble(std::span<const Row> rows, std::span<const SourceView> sources, std::uint32_t context,
               std::int64_t n_rows);

}  // namespace hearth::data
