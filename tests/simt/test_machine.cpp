// SPDX-License-Identifier: Apache-2.0
// The SIMT machine itself: right kernels give right results under any schedule, wrong ones are told.
#include <cmath>
#include <vector>

#include "lib/base/rng.h"
#include "tests/simt/sample_kernels.cuh"
#include "tests/support/catch.h"

using namespace hearth;
using namespace simt_sample;

namespace {

struct Schedule {
  explicit Schedule(std::uint64_t seed) { simt::set_seed(seed); }
  ~Schedule() { simt::set_seed(0); }
};

TEST_CASE("a reduction is right under any schedule") {
  const Schedule schedule(GENERATE(0, 1, 2));
  std::vector<float> x(10000);
  double expected = 0;
  for (std::size_t i = 0; i < x.size(); ++i) expected += x[i] = static_cast<float>(i * 37 % 101) / 101;
  float sum = 0;
  simt::run_grid(5, 128, 0, [&] { reduce_sum<128>(x.data(), &sum, static_cast<int>(x.size())); });
  CHECK(sum == Approx(expected).epsilon(1e-5));
}

TEST_CASE("matrix instructions multiply, and copies land when they are waited for") {
  const Schedule schedule(GENERATE(0, 3));
  Rng rng(1);
  alignas(16) bf16 a[16 * 16], b[8 * 16];
  for (bf16& each : a) each = bf16(static_cast<float>(rng.normal()));
  for (bf16& each : b) each = bf16(static_cast<float>(rng.normal()));
  float c[16 * 8];
  const std::size_t shared = (16 * 16 + 16 * 16) * sizeof(bf16);
  simt::run_grid(1, 32, shared, [&] { small_product(a, b, c, true); });
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      double expected = 0;
      for (int k = 0; k < 16; ++k)
        expected += static_cast<double>(static_cast<float>(a[row * 16 + k])) * static_cast<float>(b[column * 16 + k]);
      CHECK(c[row * 8 + column] == Approx(expected).margin(1e-5));
    }
  }
  simt::run_grid(1, 32, shared, [&] { small_product(a, b, c, false); });
  CHECK(std::isnan(c[0]));
}

TEST_CASE("threads that wait for ever, and lanes that part, are reported with their lines") {
  CHECK_THROWS_WITH(simt::run_grid(2, 64, 0, [] { wrong_barrier(); }),
                    Catch::Contains("deadlock in block (0, 0, 0)") && Catch::Contains("wait in __syncthreads") &&
                        Catch::Contains("wait in __shfl_xor_sync") && Catch::Contains("sample_kernels.cuh:"));
  CHECK_THROWS_WITH(simt::run_grid(1, 32, 0,
                                   [] {
                                     if (threadIdx.x % 2 == 0)
                                       __syncwarp();
                                     else
                                       __ballot_sync(~0u, 1);
                                   }),
                    Catch::Contains("in another operation"));
  float sum = 0;  // and the machine goes on
  const std::vector<float> x(64, 1);
  simt::run_grid(1, 64, 0, [&] { reduce_sum<64>(x.data(), &sum, 64); });
  CHECK(sum == 64);
}

TEST_CASE("a missing barrier is seen under some schedule") {
  int wrong = 0;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const Schedule schedule(seed);
    int out[64];
    simt::run_grid(1, 64, 0, [&] { wrong_race(out); });
    for (int i = 0; i < 64; ++i) wrong += out[i] != 63 - i;
  }
  CHECK(wrong > 0);
}

TEST_CASE("shuffles and votes follow CUDA's rules for widths and ended lanes") {
  int up[32], down[32], part[32];
  unsigned votes = 0;
  simt::run_grid(1, 32, 0, [&] {
    const int lane = static_cast<int>(threadIdx.x);
    up[lane] = __shfl_up_sync(~0u, lane, 1);
    down[lane] = __shfl_down_sync(~0u, lane, 4, 8);
    part[lane] = __shfl_sync(~0u, lane, 3, 16);
    if (lane >= 24) return;
    const unsigned voted = __ballot_sync(~0u, lane % 2);
    if (lane == 0) votes = voted;
  });
  CHECK((up[0] == 0 && up[31] == 30));
  CHECK((down[3] == 7 && down[4] == 4 && down[24] == 28));
  CHECK((part[15] == 3 && part[16] == 19));
  CHECK(votes == 0xAAAAAAu);
}

// What the runtime's stand-in promises: nothing happens before somebody waits.
TEST_CASE("streams run late, in order, across events, and again in graphs") {
  void* memory = nullptr;
  REQUIRE(cudaMalloc(&memory, sizeof(float)) == cudaSuccess);
  float& value = *static_cast<float*>(memory);
  cudaStream_t first = nullptr, second = nullptr;
  cudaEvent_t event = nullptr;
  cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
  cudaEventCreateWithFlags(&event, cudaEventDefault);
  cudaMemsetAsync(memory, 0, sizeof(float), first);
  simt::launch(1, 1, 0, first, [&] { value += 1; });
  CHECK(std::isnan(value));
  cudaEventRecord(event, first);
  cudaStreamWaitEvent(second, event, 0);
  simt::launch(1, 1, 0, second, [&] { value *= 10; });
  CHECK(cudaStreamSynchronize(second) == cudaSuccess);
  CHECK(value == 10);

  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  cudaStreamBeginCapture(first, cudaStreamCaptureModeThreadLocal);
  simt::launch(1, 1, 0, first, [&] { value += 1; });
  CHECK(cudaStreamSynchronize(first) == cudaErrorStreamCaptureUnsupported);
  cudaStreamEndCapture(first, &graph);
  cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphLaunch(executable, first);
  cudaGraphLaunch(executable, first);
  CHECK(value == 10);
  CHECK(cudaStreamSynchronize(first) == cudaSuccess);
  CHECK(value == 12);

  simt::launch(1, 64, 0, first, [] { wrong_barrier(); });
  CHECK(cudaStreamSynchronize(first) == cudaErrorLaunchFailure);
  CHECK(std::string(cudaGetErrorString(cudaErrorLaunchFailure)).find("deadlock") != std::string::npos);
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  cudaEventDestroy(event);
  cudaStreamDestroy(first);
  cudaStreamDestroy(second);
  cudaFree(memory);
}

}  // namespace
