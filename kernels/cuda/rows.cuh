// SPDX-License-Identifier: Apache-2.0
// Kernels that take a row at a time: a warp for narrow rows, a block of 256 threads for wide ones.
#pragma once
#include "kernels/cuda/launch.cuh"

namespace hearth::kernels::cuda {

// `per_row` threads (32 or 256) share a row; the block holds 128 / 32 or one.
template <int per_row>
struct RowGroup {
  static constexpr int threads = per_row == warp ? 128 : per_row;
  static constexpr int rows = threads / per_row;

  __device__ static int64_t row() { return static_cast<int64_t>(blockIdx.x) * rows + threadIdx.x / per_row; }
  __device__ static int lane() { return static_cast<int>(threadIdx.x) % per_row; }
  // Of the row's threads; all of them get it.
  __device__ static float sum(float x, float* parts) {
    if constexpr (per_row == warp)
      return warp_sum(x);
    else
      return block_sum<per_row>(x, parts);
  }
};

// body(per_row, n): how many threads share a row of width, and how many elements one takes at a time.
template <class Body, class... Tensors>
void by_width(int64_t width, const Body& body, const Tensors&... tensors) {
  using Eight = std::integral_constant<int, 8>;
  using One = std::integral_constant<int, 1>;
  using Narrow = std::integral_constant<int, warp>;
  using Wide = std::integral_constant<int, 256>;
  const bool narrow = width <= 512;
  if (in_eights(width, tensors...))
    narrow ? body(Narrow{}, Eight{}) : body(Wide{}, Eight{});
  else
    narrow ? body(Narrow{}, One{}) : body(Wide{}, One{});
}

// f on every row, by RowGroup<per_row>; f(row, parts) is called by all its threads.
template <int per_row, class F>
__global__ void __launch_bounds__(RowGroup<per_row>::threads) rows_kernel(F f, int64_t rows) {
  HEARTH_SHARED(float, 8, parts);
  const int64_t row = RowGroup<per_row>::row();
  if (row < rows) f(row, &parts[0]);
}
template <int per_row, class F>
void each_row(Stream& stream, int64_t rows, const F& f) {
  using Group = RowGroup<per_row>;
  launch(stream, rows_kernel<per_row, F>, {static_cast<unsigned>(ceil_div(rows, Group::rows)), Group::threads}, f,
         rows);
}

// A vector that is f32, bf16, or absent and then all ones.
struct Weight {
  const float* wide = nullptr;
  const Bf16* half = nullptr;
  explicit Weight(const Tensor& tensor) {
    if (tensor)
      tensor.dtype == DType::f32 ? void(wide = data<const float>(tensor)) : void(half = data<const Bf16>(tensor));
  }
  template <int n>
  __device__ void get(int64_t i, float (&w)[n]) const {
    if (wide != nullptr)
      load<n>(wide + i, w);
    else if (half != nullptr)
      load<n>(half + i, w);
    else
      for (int j = 0; j < n; ++j) w[j] = 1;
  }
  __device__ float get(int64_t i) const {
    return wide != nullptr ? wide[i] : half != nullptr ? to_float(half[i]) : 1.0f;
  }
};

}  // namespace hearth::kernels::cuda
