// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/vocabulary.h"

#include <algorithm>

#include "kernels/embedding.h"
#include "kernels/moe.h"

namespace hearth::nn {
namespace {

// The tokens whose row this rank has.
struct OwnIds {
  Tensor rows, tokens;  // [n] i32 each: their rows of the table's part, and which they are
  Tensor row_of;        // [tokens] i32: which of them a token is; n, none of them
};

OwnIds own_ids(const Pass& pass, const Parameter* table) {
  OwnIds own{pass.indices({pass.tokens}), pass.indices({pass.tokens}), pass.indices({pass.tokens})};
  if (pass.measures()) return own;
  HEARTH_CHECK(pass.on_host(), "a vocabulary in parts is for the host");
  const std::int64_t first = table->spec.first, end = first + table->spec.shape[0];
  const auto ids = pass.batch.ids.span<std::int32_t>();
  const auto rows = own.rows.span<std::int32_t>(), tokens = own.tokens.span<std::int32_t>(),
             row_of = own.row_of.span<std::int32_t>();
  std::size_t n = 0;
  for (std::size_t t = 0; t < ids.size(); ++t) {
    const std::int32_t id = ids[t];
    if (id < 0 || id >= table->spec.whole[0]) {
      throw Error(Kind::data, "token id " + std::to_string(id) + " lies outside the vocabulary of " +
                                  std::to_string(table->spec.whole[0]) +
                                  "; was the data encoded with this model's tokenizer?");
    }
    row_of[t] = -1;
    if (id < first || id >= end) continue;
    rows[n] = static_cast<std::int32_t>(id - first);
    tokens[n] = static_cast<std::int32_t>(t);
    row_of[t] = static_cast<std::int32_t>(n++);
  }
  std::ranges::replace(row_of, -1, static_cast<std::int32_t>(n));
  own.rows = own.rows.rows(0, static_cast<std::int64_t>(n));
  own.tokens = own.tokens.rows(0, static_cast<std::int64_t>(n));
  return own;
}

}  // namespace

void embed_own(const Pass& pass, const Parameter* embedding, const Tensor& y) {
  Arena::Scope scope(pass.arena);
  const OwnIds own = own_ids(pass, embedding);
  const Tensor rows = pass.arena.allocate(pass.dtype, {pass.tokens + 1, pass.hidden});
  if (pass.measures()) return;
  const std::int64_t n = own.rows.n_elements();
  if (n > 0) kernels::embedding(pass.on(), {.ids = own.rows, .table = embedding->weight, .y = rows.rows(0, n)});
  pass.on().zero(rows.rows(n, 1));
  kernels::moe_gather(pass.on(), {.x = rows.rows(0, n + 1), .token_of = own.row_of, .rows = y});
}

void embed_own_backward(const Pass& pass, const Parameter* embedding, const Tensor& dy) {
  Arena::Scope scope(pass.arena);
  const OwnIds own = own_ids(pass, embedding);
  const Tensor rows = pass.arena.allocate(pass.dtype, {pass.tokens, pass.hidden});
  if (pass.measures() || own.rows.n_elements() == 0) return;
  const Tensor d_rows = rows.rows(0, own.rows.n_elements());
  kernels::moe_gather(pass.on(), {.x = dy, .token_of = own.tokens, .rows = d_rows});
  kernels::embedding_backward(pass.on(), {.ids = own.rows, .dy = d_rows, .d_table = embedding->gradient});
}

}  // namespace hearth::nn
