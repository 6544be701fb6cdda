// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/pass.h"

#include "kernels/gemm.h"
#include "kernels/rmsnorm.h"

namespace hearth::nn {
namespace {
Tensor as_rows(const Tensor& x, std::int64_t width) { return x.reshaped({x.n_elements() / width, width}); }
}  // namespace

void Readings::read(Stream& stream, std::vector<Tensor> tensors, Use use) {
  if (stream.is_host()) return use(tensors);
  for (Tensor& each : tensors) each = staging_.fetch(stream, each);
  pending_.emplace_back(std::move(tensors), std::move(use));
}

void Readings::restart(Stream& stream) {
  if (pending_.empty()) return;
  pending_.clear();
  stream.wait();
  staging_.reset();
}

void Readings::finish(Stream& stream) {
  stream.wait();
  for (const auto& [tensors, use] : pending_) use(tensors);
  pending_.clear();
  staging_.reset();
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
