// SPDX-License-Identifier: Apache-2.0
#include "kernels/embedding.h"

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {

void embedding(Stream& stream, const EmbeddingArgs& args) {
  moe_gather(stream, {.x = args.table, .token_of = args.ids, .rows = args.y});
}

void embedding_backward(Stream&, const EmbeddingBackwardArgs& args) {
  const std::int64_t hidden = args.dy.shape[1];
  const std::vector<std::int64_t> ids = read_indices(args.ids);
  const Values dy = read(args.dy);
  Values d_table = read(args.d_table);
  for (std::size_t token = 0; token < ids.size(); ++token) {
    for (std::int64_t i = 0; i < hidden; ++i) d_table[ids[token] * hidden + i] += dy[token * hidden + i];
  }
  write(args.d_table, d_table);
}

}  // namespace hearth::kernels::ref
