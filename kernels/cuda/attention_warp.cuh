// SPDX-License-Identifier: Apache-2.0
// Attention of one query and head by a warp, without tensor cores: 32 scores a lane each, then an element of the head a
// lane, with a running maximum and sum. What attention in rows and over pages share.
#pragma once
#include "kernels/cuda/attention.cuh"

namespace hearth::kernels::cuda {

constexpr int row_warps = 4, row_threads = row_warps * warp;                  // of a block
constexpr int most_row_width = 512, elements_a_lane = most_row_width / warp;  // of a head

__device__ __forceinline__ int64_t warp_of_grid() {
  return static_cast<int64_t>(blockIdx.x) * row_warps + threadIdx.x / warp;
}
inline Shape3 warps_for(int64_t count) {
  return {static_cast<unsigned>(ceil_div(count, row_warps)), row_threads};
}
inline void check_row_width(const Tensor& tensor) {
  if (tensor.shape[2] > most_row_width)
    throw Error(Kind::config,
                "attention on CUDA takes heads of at most " + std::to_string(most_row_width) + " elements");
}

template <class T>
__device__ float dot(const T* a, const T* b, int width) {
  float sum = 0;
  for (int i = 0; i < width; ++i) sum += to_float(a[i]) * to_float(b[i]);
  return sum;
}

// sums[i] += sum over j of factor[j] * rows[j][lane + 32 i], j in [0, count); row(j) gives the row.
template <class Row>
__device__ __forceinline__ void add_rows(float (&sums)[elements_a_lane], const float* factor, int count, int width,
                                         const Row& row) {
  const int lane = static_cast<int>(threadIdx.x) % warp;
  for (int j = 0; j < count; ++j) {
    const auto* from = row(j);
    const float by = factor[j];
#pragma unroll
    for (int i = 0; i < elements_a_lane; ++i) {
      if (lane + i * warp < width) sums[i] += by * to_float(from[lane + i * warp]);
    }
  }
}

template <class T>
__device__ __forceinline__ void write_row(T* to, const float (&sums)[elements_a_lane], float factor, int width) {
  const int lane = static_cast<int>(threadIdx.x) % warp;
#pragma unroll
  for (int i = 0; i < elements_a_lane; ++i) {
    if (lane + i * warp < width) store(to + lane + i * warp, factor * sums[i]);
  }
}

struct WarpSoftmax {
  float greatest = -INFINITY, sum = 0;
  float sums[elements_a_lane] = {};

  // One step over `count` keys: z is this lane's score, p the warp's place in shared memory, value(j) the value's row.
  template <class Value>
  __device__ __forceinline__ void step(float z, float* p, int count, int width, const Value& value) {
    const float next = fmaxf(greatest, warp_max(z)), shrink = greatest > -INFINITY ? expf(greatest - next) : 0;
    // A block of minus infinity alone leaves next there: nothing is added, and no difference of infinities taken.
    const float probability = z == -INFINITY ? 0 : expf(z - next);
    p[threadIdx.x % warp] = probability;
    sum = sum * shrink + warp_sum(probability);
    greatest = next;
#pragma unroll
    for (int i = 0; i < elements_a_lane; ++i) sums[i] *= shrink;
    __syncwarp();
    add_rows(sums, p, count, width, value);
    __syncwarp();
  }
};

}  // namespace hearth::kernels::cuda
