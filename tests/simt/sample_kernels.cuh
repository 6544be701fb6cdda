// SPDX-License-Identifier: Apache-2.0
// Kernels for testing the machine itself: right ones, and ones wrong in a way that a GPU would hide most of the time.
#pragma once
#include "kernels/cuda/ptx.cuh"

namespace simt_sample {

using namespace hearth::kernels::cuda;

// out[0] += sum of x: shared memory, shuffles, a barrier, an atomic.
template <int threads>
__global__ void __launch_bounds__(threads) reduce_sum(const float* x, float* out, int n) {
  HEARTH_SHARED(float, threads / 32, parts);
  float sum = 0;
  for (int i = static_cast<int>(blockIdx.x) * threads + static_cast<int>(threadIdx.x); i < n;
       i += static_cast<int>(gridDim.x) * threads)
    sum += x[i];
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(~0u, sum, lanes);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  sum = threadIdx.x < threads / 32 ? parts[threadIdx.x] : 0;
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(~0u, sum, lanes);
  if (threadIdx.x == 0) atomicAdd(out, sum);
}

// c [16, 8] = a [16, 16] b [8, 16]^T by one warp, copied asynchronously; with waits false the wait is forgotten.
__global__ inline void small_product(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, bool waits) {
  HEARTH_DYNAMIC_SHARED(__nv_bfloat16, shared);
  __nv_bfloat16 *sm_a = shared, *sm_b = shared + 16 * 16;
  const int lane = static_cast<int>(threadIdx.x);
  copy16_async(sm_a + lane * 8, a + lane * 8, true);
  copy16_async(sm_b + lane * 8, b + lane % 16 * 8, lane < 16);
  commit_copies();
  if (waits) wait_copies<0>();
  __syncwarp();
  std::uint32_t fa[4], fb[4];
  ldmatrix(fa, sm_a + lane % 16 * 16 + lane / 16 * 8);
  ldmatrix(fb, sm_b + (lane / 16 * 8 + lane % 8) * 16 + lane / 8 % 2 * 8);
  const std::uint32_t first[2] = {fb[0], fb[1]};
  float sums[4] = {};
  mma(sums, fa, first);
  for (int i = 0; i < 4; ++i) c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sums[i];
}

// Half of a warp waits for the block, the other half for the whole warp.
__global__ inline void wrong_barrier() {
  if (threadIdx.x < 16)
    __syncthreads();
  else
    __shfl_xor_sync(~0u, 1, 1);
}

// Reads what another thread writes, without a barrier between.
__global__ inline void wrong_race(int* out) {
  HEARTH_SHARED(int, 64, values);
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  out[threadIdx.x] = values[63 - threadIdx.x];
}

// The same with one; each block writes a part of out of its own, and all add to its end.
__global__ inline void no_race(int* out) {
  HEARTH_SHARED(int, 64, values);
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  if (threadIdx.x < 32) out[threadIdx.x + 32 * blockIdx.x] = values[63 - threadIdx.x];
  atomicAdd(out + 99, 1);
}

// Every block writes the same place.
__global__ inline void wrong_block_race(int* out) {
  if (threadIdx.x == 0) out[0] = static_cast<int>(blockIdx.x);
}

// One element behind the end of global, dynamic shared or static shared memory.
__global__ inline void wrong_end(const float* x, float* out, int n, int where) {
  HEARTH_DYNAMIC_SHARED(float, dynamic);
  HEARTH_SHARED(float, 8, fixed);
  if (where == 0) out[0] = x[n];
  if (where == 1) out[0] = dynamic[8];
  if (where == 2) out[0] = fixed[8];
}

}  // namespace simt_sample
