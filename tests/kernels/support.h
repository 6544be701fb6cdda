// SPDX-License-Identifier: Apache-2.0
// Tensors that own their memory, random contents, comparison of two tensors, numeric derivatives.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/ref/values.h"
#include "lib/base/rng.h"
#include "lib/device/memory.h"
#include "tests/support/catch.h"

namespace hearth::kernels::test {

inline constexpr DType f32 = DType::f32, b16 = DType::bf16, i32 = DType::i32;

// The device under test: the host, or in tests/cuda a GPU or the SIMT machine, under a schedule that differs by n.
#ifdef HEARTH_TEST_DEVICE
using Schedule = hearth::test::Schedule;
inline Device fast_device() {
  return hearth::test::gpu();
}
#else
struct Schedule {
  explicit Schedule(int) {}
};
inline Device fast_device() {
  return {};
}
#endif

// Hands out zeroed tensors, in memory that the host and the device under test both reach, that live as long as it does.
class Memory {
 public:
  explicit Memory(std::uint64_t seed = 1) : rng_(seed) {}

  Tensor zeros(DType dtype, Shape shape) {
    const std::size_t bytes = static_cast<std::size_t>(shape.n_elements()) * size_of(dtype);
    blocks_.push_back(std::make_unique<Buffer>(bytes, fast_device(), Buffer::Use::staging));
    if (bytes > 0) std::memset(blocks_.back()->data(), 0, bytes);
    return {blocks_.back()->data(), dtype, shape};
  }
  // Normal numbers times scale, rounded to dtype.
  Tensor random(DType dtype, Shape shape, double scale = 1) {
    ref::Values values(shape.n_elements());
    for (double& value : values) value = scale * rng_.normal();
    return of(dtype, shape, values);
  }
  Tensor of(DType dtype, Shape shape, const ref::Values& values) {
    const Tensor out = zeros(dtype, shape);
    ref::write(out, values);
    return out;
  }
  Tensor indices(Shape shape, const std::vector<std::int64_t>& values) {
    const Tensor out = zeros(DType::i32, shape);
    ref::write_indices(out, values);
    return out;
  }
  Tensor indices(const std::vector<std::int64_t>& values) {
    return indices({static_cast<std::int64_t>(values.size())}, values);
  }
  Tensor random_indices(Shape shape, std::int64_t bound) {
    std::vector<std::int64_t> values(shape.n_elements());
    for (std::int64_t& value : values) value = static_cast<std::int64_t>(rng_.below(bound));
    return indices(shape, values);
  }
  Tensor copy(const Tensor& tensor) {
    const Tensor out = zeros(tensor.dtype, tensor.shape);
    if (tensor.bytes()) std::memcpy(out.data, tensor.data, tensor.bytes());
    return out;
  }

 private:
  Rng rng_;
  std::vector<std::unique_ptr<Buffer>> blocks_;
};

// Two threads, and streams on them that answer with the backend under test or with the reference.
struct Machine {
  explicit Machine(int n_threads = 2) : pool(n_threads) {}
  ThreadPool pool;
  Stream fast{fast_device(), pool};
  Stream ref{pool, HostKernels::ref};

  // What run(fast) gives, when it is there.
  template <class Run>
  auto finished(const Run& run) {
    const Schedule schedule(pool.n_threads());
    const auto results = run(fast);
    fast.wait();
    return results;
  }
};

// The greatest |a - b| / (|b| + root mean square of b), the latter at least 0.01; infinity if one is not finite alone.
inline double relative_error(const Tensor& a, const Tensor& b) {
  const ref::Values x = ref::read(a), y = ref::read(b);
  if (x.size() != y.size()) return INFINITY;
  double greatest = 0, squares = 0;
  for (const double value : y) squares += std::isfinite(value) ? value * value : 0;
  const double typical = std::max(0.01, std::sqrt(squares / std::max<double>(1, static_cast<double>(y.size()))));
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i]) continue;
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) return INFINITY;
    greatest = std::max(greatest, std::abs(x[i] - y[i]) / (std::abs(y[i]) + typical));
  }
  return greatest;
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() && (a.bytes() == 0 || std::memcmp(a.data, b.data, a.bytes()) == 0);
}

// Results of one op on one stream, by name; the same call on three streams must agree: cpu and ref within a
// tolerance, cpu on two and on three threads bit for bit.
using Results = std::vector<std::pair<std::string, Tensor>>;

inline void compare(const std::string& what, double tolerance, const std::function<Results(Stream&)>& run) {
  static Machine two(2), three(3);
  const Results expected = run(two.ref), actual = two.finished(run), other = three.finished(run);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    INFO(what << ": " << expected[i].first);
    if (expected[i].second.dtype == i32) {
      CHECK(same_bits(actual[i].second, expected[i].second));
    } else {
      CHECK(relative_error(actual[i].second, expected[i].second) < tolerance);
    }
    CHECK(same_bits(actual[i].second, other[i].second));
  }
}

inline double one_rounding(DType dtype) {
  return dtype == b16 ? 3e-2 : 1e-5;
}

// sum over i of weight[i] * tensor[i]: a loss whose derivative with respect to tensor is weight.
inline double weighted_sum(const Tensor& tensor, const Tensor& weight) {
  const ref::Values x = ref::read(tensor), w = ref::read(weight);
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += w[i] == 0 ? 0 : x[i] * w[i];
  return sum;
}

// Checks gradient (f64) of loss() with respect to the elements of input (f64) by central differences, at up to 60 of
// them.
inline void check_gradient(const std::string& name, const Tensor& input, const Tensor& gradient,
                           const std::function<double()>& loss, double tolerance = 1e-6) {
  constexpr double step = 1e-5;
  const std::int64_t n = input.n_elements(), stride = std::max<std::int64_t>(1, n / 60);
  double greatest = 1e-3;
  for (std::int64_t i = 0; i < n; ++i) greatest = std::max(greatest, std::abs(gradient.as<double>()[i]));
  for (std::int64_t i = 0; i < n; i += stride) {
    double& x = input.as<double>()[i];
    const double before = x;
    x = before + step;
    const double above = loss();
    x = before - step;
    const double below = loss();
    x = before;
    const double numeric = (above - below) / (2 * step);
    INFO(name << "[" << i << "]: numeric " << numeric << ", analytic " << gradient.as<double>()[i]);
    CHECK(std::abs(numeric - gradient.as<double>()[i]) <= tolerance * greatest);
  }
}

}  // namespace hearth::kernels::test
