// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/pass.h"

#include "kernels/gemm.h"
#include "kernels/rmsnorm.h"

namespace hearth::nn {
namespace {
Tensor as_rows(const Tensor& x, std::int64_t width) { return x.reshaped({x.n_elements() / width, width}); }
}  // namespace

Ledger Ledger::allocate(const ModelConfig& config, Arena& arena) {
  std::int64_t bytes = 6 * static_cast<std::int64_t>(sizeof(double)) + static_cast<std::int64_t>(sizeof(std::int64_t));
  for (std::int64_t layer = 0; layer < config.n_layers(); ++layer) {
    const auto& moe = config.block(layer).feed_forward.moe;
    if (moe) bytes += moe->experts * static_cast<std::int64_t>(sizeof(std::int64_t));
  }
  Ledger ledger;
  ledger.all = arena.allocate(DType::u8, {bytes});
  std::byte* at = ledger.all.data;
  const auto take = [&](DType dtype, std::int64_t n) {
    const Tensor tensor(at, dtype, {n});
    if (at != nullptr) at += tensor.bytes();
    return tensor;
  };
  ledger.head = take(DType::f64, 4);
  ledger.balance = take(DType::f64, 1);
  ledger.router_z = take(DType::f64, 1);
  for (std::int64_t layer = 0; layer < config.n_layers(); ++layer) {
    const auto& moe = config.block(layer).feed_forward.moe;
    ledger.counts.push_back(moe ? take(DType::i64, moe->experts) : Tensor{});
  }
  ledger.rounds = take(DType::i64, 1);
  return ledger;
}

Ledger Ledger::in(const Tensor& copy) const {
  const auto moved = [&](Tensor tensor) {
    if (tensor) tensor.data = copy.data + (tensor.data - all.data);
    return tensor;
  };
  Ledger ledger{copy, moved(head), moved(balance), moved(router_z), {}, moved(rounds)};
  for (const Tensor& each : counts) ledger.counts.push_back(moved(each));
  return ledger;
}

void linear(const Pass& pass, const Tensor& x, const Parameter* weight, const Tensor& y) {
  if (pass.measures()) return;
  kernels::gemm(pass.on(), {.a = x, .b = weight->weight, .y = y, .transpose_b = true});
}

void linear_backward_weight(const Pass& pass, const Tensor& dy, const Tensor& x, const Parameter* weight) {
  if (pass.measures() || !weight->gradient) return;
  kernels::gemm(pass.on(), {.a = dy, .b = x, .y = weight->gradient, .transpose_a = true, .accumulate = true});
}

void linear_backward_input(const Pass& pass, const Tensor& dy, const Parameter* weight, const Tensor& dx) {
  if (pass.measures()) return;
  kernels::gemm(pass.on(), {.a = dy, .b = weight->weight, .y = dx});
}

void linear_backward_input_add(const Pass& pass, const Tensor& dy, const Parameter* weight, const Tensor& dx) {
  if (pass.measures()) return;
  kernels::gemm(pass.on(), {.a = dy, .b = weight->weight, .y = dx, .accumulate = true});
}

void norm(const Pass& pass, const Tensor& x, const Parameter* weight, const Tensor& y, const Tensor& rstd) {
  if (pass.measures()) return;
  const std::int64_t width = weight->spec.shape[0];
  kernels::rmsnorm(pass.on(), {.x = as_rows(x, width),
                               .residual = {},
                               .weight = weight->weight,
                               .sum = {},
                               .y = as_rows(y, width),
                               .rstd = rstd,
                               .epsilon = pass.epsilon});
}

void norm_backward(const Pass& pass, const Tensor& dy, const Tensor& x, const Parameter* weight, const Tensor& rstd,
                   const Tensor& d_residual, const Tensor& dx) {
  if (pass.measures()) return;
  const std::int64_t width = weight->spec.shape[0];
  kernels::rmsnorm_backward(pass.on(), {.dy = as_rows(dy, width),
                                        .s = as_rows(x, width),
                                        .weight = weight->weight,
                                        .rstd = rstd,
                                        .d_residual = d_residual,
                                        .ds = as_rows(dx, width),
                                        .dweight = weight->gradient});
}

}  // namespace hearth::nn
