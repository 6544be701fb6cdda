// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/token_runs.h"

namespace hearth::nn {
namespace {

// Where each tensor rank's tokens begin, in elements.
std::vector<std::int64_t> bounds_of(const Pass& pass, const Tensor& all) {
  std::vector<std::int64_t> bounds = comm::equal_bounds(pass.tokens, pass.parallel.shape.tensor);
  for (std::int64_t& bound : bounds) bound *= all.shape[1];
  return bounds;
}

Tensor all_tokens_like(const Pass& pass, const Tensor& x) {
  return pass.arena.allocate(x.dtype, {pass.tokens, x.shape[1]});
}

}  // namespace

Tensor all_tokens(const Pass& pass, const Tensor& x) {
  if (!pass.parallel.cuts_tensors()) return x;
  const Tensor all = all_tokens_like(pass, x);
  if (pass.measures()) return all;
  pass.on().copy(x, all.rows(pass.own.begin, pass.own.count));
  pass.parallel.mesh->tensor().gather_pieces(pass.on(), all, bounds_of(pass, all)).wait(pass.on());
  return all;
}

Tensor summand_of(const Pass& pass, const Tensor& y) {
  return pass.parallel.cuts_tensors() ? all_tokens_like(pass, y) : y;
}

void add_summands(const Pass& pass, const Tensor& summand, const Tensor& y) {
  if (!pass.parallel.cuts_tensors() || pass.measures()) return;
  pass.parallel.mesh->tensor().reduce_pieces(pass.on(), summand, bounds_of(pass, summand)).wait(pass.on());
  pass.on().copy(summand.rows(pass.own.begin, pass.own.count), y);
}

}  // namespace hearth::nn
