// SPDX-License-Identifier: Apache-2.0
#include "kernels/embedding.h"

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {

void embedding(Stream&, const EmbeddingArgs& args) {
  const std::int64_t vocab = args.table.shape[0], hidden = args.table.shape[1];
  const std::vector<std::int64_t> ids = read_indices(args.ids);
  const Values table = read(args.table);
  Values y(ids.size() * hidden);
  for (std::size_t token = 0; token < ids.size(); ++token) {
    const std::int64_t row = ids[token] - args.first;
    if (row < 0 || row >= vocab) continue;
    for (std::int64_t i = 0; i < hidden; ++i) y[token * hidden + i] = table[row * hidden + i];
  }
  write(args.y, y);
}

void embedding_backward(Stream&, const EmbeddingBackwardArgs& args) {
  const std::int64_t vocab = args.d_table.shape[0], hidden = args.dy.shape[1];
  const std::vector<std::int64_t> ids = read_indices(args.ids);
  const Values dy = read(args.dy);
  Values d_table = read(args.d_table);
  for (std::size_t token = 0; token < ids.size(); ++token) {
    const std::int64_t row = ids[token] - args.first;
    if (row < 0 || row >= vocab) continue;
    for (std::int64_t i = 0; i < hidden; ++i) d_table[row * hidden + i] += dy[token * hidden + i];
  }
  write(args.d_table, d_table);
}

}  // namespace hearth::kernels::ref
