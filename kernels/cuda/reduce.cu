// SPDX-License-Identifier: Apache-2.0
// Sums in a fixed order: blocks of elements or rows cut by shape alone give partial sums, and one more kernel adds
// those in order. No atomics, so the bits depend on the shape and the numbers only.
#include "kernels/backend.h"
#include "kernels/cuda/columns.cuh"
#include "kernels/cuda/launch.cuh"

namespace hearth::kernels::cuda {
namespace {

constexpr int threads = 256;
constexpr int64_t block_elements = threads * 32;

// parts[b] = sum of x (weighted, or squared) over block b of the elements, in double.
template <class T, bool squares>
__global__ void __launch_bounds__(threads) sum_blocks(const T* x, const float* weight, double* parts, int64_t count) {
  HEARTH_SHARED(double, threads, sums);
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * block_elements;
  const int64_t end = begin + block_elements < count ? begin + block_elements : count;
  double sum = 0;
  for (int64_t i = begin + threadIdx.x; i < end; i += threads) {
    const float value = to_float(x[i]);
    const float factor = squares ? value : weight != nullptr ? weight[i] : 1.0f;
    sum += static_cast<double>(value) * factor;
  }
  sums[threadIdx.x] = sum;
  for (int half = threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  if (threadIdx.x == 0) parts[blockIdx.x] = sums[0];
}

// total += parts, in order.
__global__ void add_parts(const double* parts, double* total, int64_t n_parts) {
  HEARTH_SHARED(double, 32, sums);
  const int lane = static_cast<int>(threadIdx.x);
  double sum = 0;
  for (int64_t i = lane; i < n_parts; i += 32) sum += parts[i];
  sums[lane] = sum;
  __syncwarp();
  if (lane != 0) return;
  for (int i = 1; i < 32; ++i) sum += sums[i];
  *total += sum;
}

template <bool squares>
void sum_all(Stream& stream, const Tensor& x, const Tensor& weight, const Tensor& total) {
  const int64_t n_parts = ceil_div(x.n_elements(), block_elements);
  auto* parts = reinterpret_cast<double*>(stream.state<State>().scratch(sum_scratch(x.n_elements())));
  with_type(x.dtype, [&](auto type) {
    using T = decltype(type);
    launch(stream, sum_blocks<T, squares>, {static_cast<unsigned>(n_parts), threads}, data<const T>(x),
           data<const float>(weight), parts, x.n_elements());
  });
  launch(stream, add_parts, {1, 32}, parts, data<double>(total), n_parts);
}

template <class T>
struct Element {
  const T* x;
  int64_t width;
  __device__ float operator()(int64_t row, int64_t column) const { return to_float(x[row * width + column]); }
};

}  // namespace

std::size_t sum_scratch(int64_t elements) {
  return static_cast<std::size_t>(ceil_div(elements, block_elements)) * sizeof(double);
}

void sum_of_squares(Stream& stream, const SumOfSquaresArgs& args) {
  sum_all<true>(stream, args.x, {}, args.total);
}

void sum(Stream& stream, const SumArgs& args) {
  sum_all<false>(stream, args.x, args.weight, args.total);
}

void sum_rows(Stream& stream, const SumRowsArgs& args) {
  with_type(args.x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = args.x.shape[1];
    add_columns(stream, args.x.shape[0], width, Element<T>{data<const T>(args.x), width}, data<float>(args.total));
  });
}

}  // namespace hearth::kernels::cuda
