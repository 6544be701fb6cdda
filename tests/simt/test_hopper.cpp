// SPDX-License-Identifier: Apache-2.0
// The machine's barriers with bytes, tiles of the TMA and products of warpgroups: a right kernel under any schedule,
// and what is said of wrong ones.
#include <cmath>
#include <vector>

#include "kernels/cuda/sm90/tensor_map.cuh"
#include "lib/base/rng.h"
#include "tests/simt/hopper_kernels.cuh"
#include "tests/support/catch.h"

using namespace hearth;
using namespace simt_sample;

namespace {

struct Schedule {
  explicit Schedule(std::uint64_t seed) { simt::set_seed(seed); }
  ~Schedule() { simt::set_seed(0); }
};

constexpr int m = 100, n = 128, k = 448;  // the last rows and seven slices of k

struct Product {
  std::vector<bf16> a{std::vector<bf16>(m * k)}, b{std::vector<bf16>(n * k)};
  std::vector<float> y = std::vector<float>(128 * n);

  Product() {
    Rng rng(1);
    for (std::vector<bf16>* each : {&a, &b}) {
      for (bf16& x : *each) x = bf16(static_cast<float>(rng.normal()));
    }
  }
  void run(Fault fault) {
    using kernels::cuda::sm90::tensor_map;
    const CUtensorMap map_a = tensor_map(Tensor(a.data(), {m, k}), 64), map_b = tensor_map(Tensor(b.data(), {n, k}), n);
    simt::run_grid(2, 256, small_ring_bytes, [&] { small_ring_product(map_a, map_b, y.data(), k, fault); });
  }
  double greatest_error() const {
    double greatest = 0;
    for (int row = 0; row < m; ++row) {
      for (int column = 0; column < n; ++column) {
        double expected = 0;
        for (int i = 0; i < k; ++i) {
          expected += static_cast<double>(static_cast<float>(a[static_cast<std::size_t>(row * k + i)])) *
                      static_cast<float>(b[static_cast<std::size_t>(column * k + i)]);
        }
        const double error = std::abs(y[static_cast<std::size_t>(row * n + column)] - expected);
        if (!(error <= greatest)) greatest = error;
        if (std::isnan(error)) return error;
      }
    }
    return greatest;
  }
};

TEST_CASE("a ring of tiles feeds a warpgroup's products under any schedule") {
  const Schedule schedule(GENERATE(0, 1, 2, 3));
  Product product;
  product.run(Fault::none);
  CHECK(product.greatest_error() < 1e-3);
  for (int i = m * n; i < 128 * n; ++i) REQUIRE(product.y[static_cast<std::size_t>(i)] == 0);  // outside the matrix
}

TEST_CASE("a wait or a fence that is missing shows in the result, or is named") {
  Product product;
  product.run(Fault::stage_given_back_early);
  CHECK(std::isnan(product.greatest_error()));
  using Catch::Contains;
  CHECK_THROWS_WITH(product.run(Fault::no_wait_for_tiles), Contains("more arrivals than the barrier counts"));
  CHECK_THROWS_WITH(product.run(Fault::no_wait_for_room), Contains("more arrivals than the barrier counts"));
  CHECK_THROWS_WITH(product.run(Fault::no_wait_for_products), Contains("products of a warpgroup that were not waited"));
  CHECK_THROWS_WITH(product.run(Fault::no_fence), Contains("no wgmma.fence since the last wait"));
  CHECK_THROWS_WITH(product.run(Fault::other_operands), Contains("warps of a warpgroup name different operands"));
  CHECK_THROWS_WITH(product.run(Fault::bytes_that_never_come),
                    Contains("deadlock") && Contains("wait in an mbarrier") && Contains("hopper_kernels.cuh:"));
  CHECK_THROWS_WITH(product.run(Fault::barrier_not_initialised), Contains("was not initialised"));
  CHECK_THROWS_WITH(product.run(Fault::misaligned_tile), Contains("not aligned to 1024 bytes"));
  product.run(Fault::none);  // and the machine goes on
  CHECK(product.greatest_error() < 1e-3);
}

TEST_CASE("maps of matrices the TMA does not take are refused") {
  std::vector<bf16> x(64 * 64 + 8);
  CHECK_NOTHROW(kernels::cuda::sm90::tensor_map(Tensor(x.data(), {64, 64}), 64));
  CHECK_THROWS_AS(kernels::cuda::sm90::tensor_map(Tensor(x.data() + 1, {64, 64}), 64), Error);
  CHECK_THROWS_AS(kernels::cuda::sm90::tensor_map(Tensor(x.data(), {64, 63}), 64), Error);
  CHECK_THROWS_AS(kernels::cuda::sm90::tensor_map(Tensor(x.data(), {64, 64}), 257), Error);
}

}  // namespace
