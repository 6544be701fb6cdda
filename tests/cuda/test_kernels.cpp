// SPDX-License-Identifier: Apache-2.0
// The CUDA backend through all tests of the fast kernels: the same shapes, dtypes and tolerances.
#define HEARTH_TEST_DEVICE
#include "tests/cuda/support.h"
// before all others
#include "tests/kernels/test_attention_runs.cpp"
#include "tests/kernels/test_cpu.cpp"
#include "tests/kernels/test_gemm.cpp"
#include "tests/kernels/test_generation.cpp"
#include "tests/kernels/test_head_parts.cpp"

namespace hearth::kernels::test {
namespace {

constexpr GpuKernels by_cublaslt{.grouped = GpuKernels::Grouped::cublaslt};

TEST_CASE("the experts' products by cuBLASLt agree with the reference") {
  check_grouped(by_cublaslt);
}

TEST_CASE("the experts' layer by cuBLASLt agrees with the reference") {
  check_experts_layer(by_cublaslt);
}

TEST_CASE("the experts' products by cuBLASLt cannot be recorded") {
  Machine machine;
  machine.fast.choose(by_cublaslt);
  Memory memory;
  const Tensor offsets = memory.indices({0, 3, 8}), x = memory.random(b16, {8, 16});
  const Tensor weight = memory.random(b16, {2, 24, 16}), y = memory.zeros(b16, {8, 24});
  const auto run = [&] { grouped_gemm(machine.fast, {.x = x, .weight = weight, .offsets = offsets, .y = y}); };
  run();  // what is made at first use
  CHECK_THROWS_AS(Graph(machine.fast, run), Error);
}

}  // namespace
}  // namespace hearth::kernels::test
