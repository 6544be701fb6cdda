// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/head_exchange.h"

namespace hearth::nn {
namespace {

std::vector<std::int64_t> tokens_by_rank(const Pass& pass) {
  std::vector<std::int64_t> tokens;
  const int ranks = pass.parallel.shape.context;
  for (int rank = 0; rank < ranks; ++rank) tokens.push_back(comm::piece_of(pass.batch_tokens, rank, ranks).count);
  return tokens;
}

// Between own [tokens, heads, head_dim] and the same by share of the heads: [ranks, tokens, heads / ranks, head_dim].
// copy(a share's rows within own, the same within shares, bytes of each, how many)
template <class Copy>
void for_shares(const Pass& pass, const Tensor& own, const Tensor& shares, const Copy& copy) {
  const auto ranks = static_cast<std::size_t>(pass.parallel.shape.context);
  const auto tokens = static_cast<std::size_t>(own.shape[0]);
  const std::size_t share = tokens == 0 ? 0 : own.bytes() / tokens / ranks;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    copy(Stream::Rows{own.data + rank * share, ranks * share}, Stream::Rows{shares.data + rank * tokens * share, share},
         share, tokens);
  }
}

Tensor scratch_like(const Pass& pass, const Tensor& own) {
  return pass.arena.allocate(own.dtype, {own.n_elements()});
}

Tensor as_rows(const Tensor& x, std::int64_t width) {
  return x.reshaped({x.n_elements() / width, width});
}

}  // namespace

void tokens_to_heads(const Pass& pass, const Tensor& own, const Tensor& all) {
  if (!pass.parallel.cuts_context()) return;
  Arena::Scope scope(pass.arena);
  const Tensor shares = scratch_like(pass, own);
  if (pass.measures()) return;
  for_shares(pass, own, shares, [&](const Stream::Rows& of, const Stream::Rows& to, std::size_t bytes, std::size_t n) {
    pass.on().copy_rows(of, to, bytes, n);
  });
  const std::vector<std::int64_t> receive = tokens_by_rank(pass);
  const std::vector<std::int64_t> send(receive.size(), own.shape[0]);
  const std::int64_t width = all.shape[1] * all.shape[2];
  pass.parallel.mesh->context()
      .all_to_all(pass.on(), as_rows(shares, width), send, as_rows(all, width), receive)
      .wait(pass.on());
}

void heads_to_tokens(const Pass& pass, const Tensor& all, const Tensor& own) {
  if (!pass.parallel.cuts_context()) return;
  Arena::Scope scope(pass.arena);
  const Tensor shares = scratch_like(pass, own);
  if (pass.measures()) return;
  const std::vector<std::int64_t> send = tokens_by_rank(pass);
  const std::vector<std::int64_t> receive(send.size(), own.shape[0]);
  const std::int64_t width = all.shape[1] * all.shape[2];
  pass.parallel.mesh->context()
      .all_to_all(pass.on(), as_rows(all, width), send, as_rows(shares, width), receive)
      .wait(pass.on());
  for_shares(pass, own, shares, [&](const Stream::Rows& to, const Stream::Rows& of, std::size_t bytes, std::size_t n) {
    pass.on().copy_rows(of, to, bytes, n);
  });
}

}  // namespace hearth::nn
