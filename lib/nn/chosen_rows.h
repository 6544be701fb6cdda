// SPDX-License-Identifier: Apache-2.0
// Some tokens' rows of what the context ranks have between them, a chunk at a time: only they are sent.
#pragma once
#include <vector>

#include "lib/nn/pass.h"

namespace hearth::nn {

class ChosenRows {
 public:
  // ids [rows] i32: on the host, of tokens of the whole batch. Takes memory from the arena for a chunk of rows of the
  // stream.
  ChosenRows(const Pass& pass, const Tensor& ids, std::int64_t chunk);

  // x [tokens, hidden]: the rows [begin, begin + count) asked for, on every context rank; until the next call. begin is
  // a multiple of the chunk.
  Tensor gather(const Tensor& x, std::int64_t begin, std::int64_t count) const;

 private:
  void sort_by_rank(const Tensor& ids);

  const Pass& pass_;
  std::int64_t chunk_;
  // Of one rank: the ids. Else by chunk, sorted by the rank that has them: where they are among its own tokens.
  std::vector<std::int32_t> host_tokens_, host_places_;
  std::vector<std::int64_t> bounds_;  // [chunks, ranks + 1]: where each rank's begin within a chunk so sorted
  Tensor tokens_, places_;            // [rows] i32; places: of the rows asked for, within a chunk so sorted
  Tensor sorted_, rows_;              // [chunk, hidden]
};

}  // namespace hearth::nn
