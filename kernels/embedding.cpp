// SPDX-License-Identifier: Apache-2.0
#include "kernels/embedding.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {
namespace {

// On a device the ids are not looked at: whoever brings them there has.
void check_ids(const Stream& stream, const Tensor& ids, std::int64_t vocab) {
  if (!stream.is_host()) return;
  for (const std::int32_t id : ids.span<std::int32_t>()) {
    if (id < 0 || id >= vocab) {
      throw Error(Kind::data, "token id " + std::to_string(id) + " lies outside the vocabulary of " +
                                  std::to_string(vocab) + "; was the data encoded with this model's tokenizer?");
    }
  }
}

template <class Args>
std::int64_t n_ids(const Args& args, const Tensor& table, const Operands& operands) {
  const std::int64_t vocab = table.shape[0];
  if (args.whole == 0) operands.require(args.first == 0, "a part of an unknown whole");
  if (args.whole > 0) operands.require(args.first >= 0 && args.first + vocab <= args.whole, "an impossible part");
  return args.whole > 0 ? args.whole : vocab;
}

}  // namespace

void embedding(Stream& stream, const EmbeddingArgs& args) {
  const Operands operands("embedding");
  operands.rank("ids", args.ids, 1);
  operands.rank("table", args.table, 2);
  operands.check("ids", args.ids, args.ids.shape, {DType::i32});
  operands.check("table", args.table, args.table.shape, f32_or_bf16);
  operands.check("y", args.y, {args.ids.shape[0], args.table.shape[1]}, {args.table.dtype});
  const std::int64_t n = n_ids(args, args.table, operands);
  if (args.y.n_elements() == 0) return;
  check_ids(stream, args.ids, n);
  backend_of(stream).embedding(stream, args);
}

void embedding_backward(Stream& stream, const EmbeddingBackwardArgs& args) {
  const Operands operands("embedding_backward");
  operands.rank("ids", args.ids, 1);
  operands.rank("d_table", args.d_table, 2);
  operands.check("ids", args.ids, args.ids.shape, {DType::i32});
  operands.check("dy", args.dy, {args.ids.shape[0], args.d_table.shape[1]}, f32_or_bf16);
  operands.check("d_table", args.d_table, args.d_table.shape, {DType::f32});
  const std::int64_t n = n_ids(args, args.d_table, operands);
  if (args.dy.n_elements() == 0) return;
  check_ids(stream, args.ids, n);
  backend_of(stream).embedding_backward(stream, args);
}

}  // namespace hearth::kernels
