// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/vocabulary.h"

#include <algorithm>
#include <cmath>

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

Tensor own_targets(const Pass& pass, const Parameter* head) {
  const Tensor own = pass.indices({pass.tokens});
  if (pass.measures()) return own;
  HEARTH_CHECK(pass.on_host(), "a vocabulary in parts is for the host");
  const std::int64_t first = head->spec.first, n = head->spec.shape[0], vocab = head->spec.whole[0];
  std::ranges::transform(pass.batch.targets.span<std::int32_t>(), own.as<std::int32_t>(), [&](std::int32_t target) {
    if (target >= vocab) {
      throw Error(Kind::data, "token id " + std::to_string(target) + " lies outside the vocabulary of " +
                                  std::to_string(vocab) + "; was the data encoded with this model's tokenizer?");
    }
    return target >= first && target < first + n ? static_cast<std::int32_t>(target - first) : -1;
  });
  return own;
}

void join_heads(const Pass& pass, const Tensor& targets, const Tensor& log_prob, const Tensor& log_normaliser,
                const Tensor& share) {
  Arena::Scope scope(pass.arena);
  const int ranks = pass.parallel.shape.tensor;
  const Tensor own = pass.floats({2, pass.tokens}), all = pass.floats({ranks, 2, pass.tokens});
  if (pass.measures()) return;
  // Of the target its logit, which is there on one rank.
  const auto own_logit = own.rows(0, 1).span<float>(), own_normaliser = own.rows(1, 1).span<float>();
  const auto p = log_prob.span<float>(), l = log_normaliser.span<float>(), s = share.span<float>();
  const auto target = targets.span<std::int32_t>(), whole_target = pass.batch.targets.span<std::int32_t>();
  for (std::size_t t = 0; t < p.size(); ++t) {
    own_logit[t] = target[t] >= 0 ? p[t] + l[t] : 0;
    own_normaliser[t] = l[t];
  }
  pass.parallel.mesh->tensor().all_gather(pass.on(), own, all).wait(pass.on());
  const auto values = all.span<float>();
  const std::size_t n = p.size();
  for (std::size_t t = 0; t < n; ++t) {
    double greatest = -INFINITY, logit = 0, sum = 0;
    const auto normaliser_of = [&](int rank) { return values[static_cast<std::size_t>(2 * rank + 1) * n + t]; };
    for (int rank = 0; rank < ranks; ++rank) {
      greatest = std::max<double>(greatest, normaliser_of(rank));
      logit += values[static_cast<std::size_t>(2 * rank) * n + t];
    }
    for (int rank = 0; rank < ranks; ++rank) sum += std::exp(normaliser_of(rank) - greatest);
    const double whole = greatest + std::log(sum);
    s[t] = static_cast<float>(std::exp(l[t] - whole));
    l[t] = static_cast<float>(whole);
    p[t] = whole_target[t] >= 0 ? static_cast<float>(logit - whole) : 0;
  }
}

// With a and b the derivatives (kernels/head.h), p = share * the part's own softmax: dz = a [v == target] + (b - a) p
// is a' [v == target] + (b' - a') p / share for a' = a where the target is here, else 0, and b' = a' + (b - a) share.
void split_derivatives(const Pass& pass, const Tensor& targets, const Tensor& share,
                       const TokenDerivatives& derivatives) {
  const auto a = derivatives.d_log_prob.span<float>(), b = derivatives.d_log_normaliser.span<float>(),
             s = share.span<float>();
  const auto target = targets.span<std::int32_t>(), whole_target = pass.batch.targets.span<std::int32_t>();
  for (std::size_t t = 0; t < a.size(); ++t) {
    const float of_target = whole_target[t] >= 0 ? a[t] : 0;
    a[t] = target[t] >= 0 ? of_target : 0;
    b[t] = a[t] + (b[t] - of_target) * s[t];
  }
}

}  // namespace hearth::nn
