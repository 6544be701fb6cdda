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

struct Product {
  Arena memory;
  Tensor a, b, y;

  Product(Stream& stream, DType dtype, std::int64_t n)
      : memory(static_cast<std::size_t>(4 * n * n) * sizeof(float), stream.device()) {
    a = memory.allocate(dtype, {n, n}), b = memory.allocate(dtype, {n, n}), y = memory.allocate(DType::f32, {n, n});
    fill_from_host(stream, a, [](const Tensor& host) { fill_random(host, 1); });
    fill_from_host(stream, b, [](const Tensor& host) { fill_random(host, 2); });
    run(stream);  // first use sets itself up
    stream.wait();
  }
  void run(Stream& stream) const { kernels::gemm(stream, {.a = a, .b = b, .y = y, .transpose_b = true}); }
};

// By the device's clock, of a product large enough to fill it.
double device_rate(const Stream& like, DType dtype) {
  Stream stream(like.device(), like.pool());  // with it goes what the kernels took
  constexpr double long_enough_s = 1e-3;
  constexpr std::int64_t largest = 8192;
  for (std::int64_t n = 256;; n *= 2) {
    const Product product(stream, dtype, n);
    double fastest_s = 1e9;
    for (int i = 0; i < 3; ++i) {
      Event begin(stream.device()), end(stream.device());
      begin.record(stream);
      product.run(stream);
      end.record(stream);
      end.wait();
      fastest_s = std::min(fastest_s, end.seconds_since(begin));
    }
    if (fastest_s > long_enough_s || n >= largest) return 2.0 * static_cast<double>(n * n * n) / fastest_s;
  }
}

}  // namespace

double matrix_rate(Stream& stream, DType dtype) {
  if (!stream.is_host()) return device_rate(stream, dtype);
  constexpr std::int64_t n = 1024;
  constexpr double budget_s = 0.25;
  const Product product(stream, dtype, n);
  const Stopwatch whole;
  double fastest_s = 1e9;
  while (whole.seconds() < budget_s) {
    const Stopwatch one;
    product.run(stream);
    fastest_s = std::min(fastest_s, one.seconds());
  }
  return 2.0 * n * n * n / fastest_s;
}

}  // namespace hearth::train
