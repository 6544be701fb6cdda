// SPDX-License-Identifier: Apache-2.0
#include "kernels/moe.h"

#include "kernels/backend.h"
#include "kernels/operands.h"

namespace hearth::kernels {
namespace {

// Every index of a [..] i32 tensor lies in [0, bound).
void check_indices(const Operands& operands, const char* name, const Tensor& indices, std::int64_t bound) {
  for (const std::int32_t index : indices.span<std::int32_t>()) {
    if (index < 0 || index >= bound) {
      operands.fail(std::string(name) + " holds " + std::to_string(index) + ", wanted [0, " + std::to_string(bound) +
                    ")");
    }
  }
}

}  // namespace

void moe_sort(Stream& stream, const MoeSortArgs& args) {
  const Operands operands("moe_sort");
  operands.rank("expert_ids", args.expert_ids, 2);
  operands.rank("offsets", args.offsets, 1);
  const Shape choices = args.expert_ids.shape;
  operands.check("expert_ids", args.expert_ids, choices, {DType::i32});
  operands.check("offsets", args.offsets, args.offsets.shape, {DType::i32});
  operands.check("row_of", args.row_of, choices, {DType::i32});
  operands.check("token_of", args.token_of, {choices.n_elements()}, {DType::i32});
  operands.require(args.offsets.shape[0] > 1, "no experts");
  if (stream.is_host()) check_indices(operands, "expert_ids", args.expert_ids, args.offsets.shape[0] - 1);
  backend_of(stream).moe_sort(stream, args);
}

void moe_gather(Stream& stream, const MoeGatherArgs& args) {
  const Operands operands("moe_gather");
  operands.rank("x", args.x, 2);
  operands.rank("token_of", args.token_of, 1);
  operands.check("x", args.x, args.x.shape, f32_or_bf16);
  operands.check("token_of", args.token_of, args.token_of.shape, {DType::i32});
  operands.check("rows", args.rows, {args.token_of.shape[0], args.x.shape[1]}, {args.x.dtype});
  if (args.rows.n_elements() == 0) return;
  backend_of(stream).moe_gather(stream, args);
}

void moe_combine(Stream& stream, const MoeCombineArgs& args) {
  const Operands operands("moe_combine");
  operands.rank("rows", args.rows, 2);
  operands.rank("row_of", args.row_of, 2);
  const Shape y{args.row_of.shape[0], args.rows.shape[1]};
  operands.check("row_of", args.row_of, args.row_of.shape, {DType::i32});
  operands.check("rows", args.rows, {args.row_of.n_elements(), y[1]}, f32_or_bf16);
  operands.check_optional("weights", args.weights, args.row_of.shape, {DType::f32});
  operands.check_optional("base", args.base, y, {args.rows.dtype});
  operands.check("y", args.y, y, {args.rows.dtype});
  if (y.n_elements() == 0) return;
  backend_of(stream).moe_combine(stream, args);
}

void moe_combine_backward(Stream& stream, const MoeCombineBackwardArgs& args) {
  const Operands operands("moe_combine_backward");
  operands.rank("dy", args.dy, 2);
  operands.rank("row_of", args.row_of, 2);
  const std::int64_t tokens = args.dy.shape[0], hidden = args.dy.shape[1], k = args.row_of.shape[1];
  operands.check("dy", args.dy, {tokens, hidden}, f32_or_bf16);
  operands.check("rows", args.rows, {tokens * k, hidden}, {args.dy.dtype});
  operands.check("row_of", args.row_of, {tokens, k}, {DType::i32});
  operands.check("weights", args.weights, {tokens, k}, {DType::f32});
  operands.check("d_rows", args.d_rows, {tokens * k, hidden}, {args.dy.dtype});
  operands.check("d_weights", args.d_weights, {tokens, k}, {DType::f32});
  if (tokens == 0 || k == 0) return;
  backend_of(stream).moe_combine_backward(stream, args);
}

void moe_arrived(Stream& stream, const MoeArrivedArgs& args) {
  const Operands operands("moe_arrived");
  operands.rank("counts", args.counts, 2);
  operands.rank("expert_ids", args.expert_ids, 2);
  operands.check("counts", args.counts, args.counts.shape, {DType::i32});
  operands.check("expert_ids", args.expert_ids, {args.expert_ids.shape[0], 1}, {DType::i32});
  operands.require(args.first >= 0 && args.n_here > 0 && args.first + args.n_here <= args.counts.shape[1],
                   "experts that there are not");
  if (args.expert_ids.n_elements() > 0) backend_of(stream).moe_arrived(stream, args);
}

void moe_to_rows(Stream& stream, const MoeToRowsArgs& args) {
  const Operands operands("moe_to_rows");
  operands.check("row_of", args.row_of, args.row_of.shape, {DType::i32});
  operands.check("choices", args.choices, args.row_of.shape, {DType::f32});
  operands.check("rows", args.rows, {args.row_of.n_elements()}, {DType::f32});
  backend_of(stream).moe_to_rows(stream, args);
}

void moe_from_rows(Stream& stream, const MoeFromRowsArgs& args) {
  const Operands operands("moe_from_rows");
  operands.check("row_of", args.row_of, args.row_of.shape, {DType::i32});
  operands.check("rows", args.rows, {args.row_of.n_elements()}, {DType::f32});
  operands.check("choices", args.choices, args.row_of.shape, {DType::f32});
  backend_of(stream).moe_from_rows(stream, args);
}

}  // namespace hearth::kernels
