// SPDX-License-Identifier: Apache-2.0
#include "lib/train/ceiling.h"

#include <algorithm>

#include "kernels/gemm.h"
#include "lib/base/clock.h"
#include "lib/device/memory.h"

namespace hearth::train {

double matrix_rate(Stream& stream, DType dtype) {
  constexpr std::int64_t n = 1024;
  constexpr double budget_s = 0.25;
  Arena memory(4 * n * n * sizeof(float));
  const Tensor a = memory.allocate(dtype, {n, n}), b = memory.allocate(dtype, {n, n});
  const Tensor y = memory.allocate(DType::f32, {n, n});
  kernels::gemm(stream, {.a = a, .b = b, .y = y, .transpose_b = true});  // first use sets itself up
  const Stopwatch whole;
  double fastest_s = 1e9;
  while (whole.seconds() < budget_s) {
    const Stopwatch one;
    kernels::gemm(stream, {.a = a, .b = b, .y = y, .transpose_b = true});
    fastest_s = std::min(fastest_s, one.seconds());
  }
  return 2.0 * n * n * n / fastest_s;
}

}  // namespace hearth::train
