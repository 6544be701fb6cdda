// SPDX-License-Identifier: Apache-2.0
// A program that reads one element behind an array in a kernel: `wrong_kernels 0`, 1 or 2 (global, dynamic shared,
// static shared memory). The address sanitizer must end it with a report; test_wrong_kernels.sh looks. And one whose
// kernel has a race: 3 (threads of a block, a barrier is missing), 4 (blocks), or the like without: 5. The thread
// sanitizer must tell them apart; tests/long/tsan_simt.sh looks.
#include <cstdlib>

#include "tests/simt/sample_kernels.cuh"

int main(int argc, char** argv) {
  const int where = argc > 1 ? std::atoi(argv[1]) : 0;
  void *x = nullptr, *out = nullptr;
  cudaStream_t stream = nullptr;
  cudaMalloc(&x, 100 * sizeof(float));
  cudaMalloc(&out, sizeof(float));
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  if (where >= 3) {
    const auto kernel = where == 3   ? simt_sample::wrong_race
                        : where == 4 ? simt_sample::wrong_block_race
                                     : simt_sample::no_race;
    for (int i = 0; i < (where == 5 ? 2 : 1); ++i)  // one grid after another is no race
      simt::launch(where == 3 ? 1 : 3, 64, 0, stream, [=] { kernel(static_cast<int*>(x)); });
    return cudaStreamSynchronize(stream) == cudaSuccess ? 0 : 1;
  }
  simt::launch(1, 1, 8 * sizeof(float), stream,
               [=] { simt_sample::wrong_end(static_cast<const float*>(x), static_cast<float*>(out), 100, where); });
  return cudaStreamSynchronize(stream) == cudaSuccess ? 0 : 1;
}
