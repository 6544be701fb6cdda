// SPDX-License-Identifier: Apache-2.0
#include "lib/train/ceiling.h"

#include <algorithm>

#include "kernels/gemm.h"
#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "lib/device/memory.h"

namespace hearth::train {
namespace {

// Not zeros: processors clock higher on operands whose bits do not change.
void fill_random(const Tensor& tensor, std::uint64_t seed) {
  Rng rng(seed);
  for (std::int64_t i = 0; i < tensor.n_elements(); ++i) {
    const auto value = static_cast<float>(rng.uniform() - 0.5);
    if (tensor.dtype == DType::f32) {
      tensor.as<float>()[i] = value;
    } else {
      tensor.as<bf16>()[i] = bf16(value);
    }
  }
}

}  // namespace

double matrix_rate(Stream& stream, DType dtype) {
  constexpr std::int64_t n = 1024;
  constexpr double budget_s = 0.25;
  Arena memory(4 * n * n * sizeof(float), stream.device());
  const Tensor a = memory.allocate(dtype, {n, n}), b = memory.allocate(dtype, {n, n});
  const Tensor y = memory.allocate(DType::f32, {n, n});
  fill_from_host(stream, a, [](const Tensor& host) { fill_random(host, 1); });
  fill_from_host(stream, b, [](const Tensor& host) { fill_random(host, 2); });
  kernels::gemm(stream, {.a = a, .b = b, .y = y, .transpose_b = true});  // first use sets itself up
  stream.wait();
  const Stopwatch whole;
  double fastest_s = 1e9;
  while (whole.seconds() < budget_s) {
    const Stopwatch one;
    kernels::gemm(stream, {.a = a, .b = b, .y = y, .transpose_b = true});
    stream.wait();
    fastest_s = std::min(fastest_s, one.seconds());
  }
  return 2.0 * n * n * n / fastest_s;
}

}  // namespace hearth::train
