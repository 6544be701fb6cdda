// SPDX-License-Identifier: Apache-2.0
// Dense products, and the f32 tiles: 64 x 64 results by 256 threads, sixteen each, over slices of sixteen of k.
#include "kernels/backend.h"
#include "kernels/cuda/blas.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/sm90/gemm.h"

namespace hearth::kernels::cuda {
namespace {

constexpr int tile = 64, slice = 16, threads = 256, per_thread = 4;

// y[r, c] = alpha sum_k a[r, k] b[k, c] (+ y), each matrix with its own distances between rows and columns. With
// offsets one product a group (blockIdx.z): rows_grouped: rows [offsets[g], offsets[g + 1]) of a and y, matrix g of b;
// else k over that range, matrix g of y. What is grouped of a, and of b, may be gathered.
template <class A, class B, class Y>
struct Tiles {
  const A* a;
  const B* b;
  Y* y;
  int64_t m, n, k;
  int64_t a_row, a_k, b_k, b_column;
  float alpha;
  bool accumulate;
  const int* offsets;
  bool rows_grouped;
  int64_t b_group, y_group;
  const int *gather_a, *gather_b;
  int64_t begin = 0;  // of the group's range

  // Narrows to the group of blockIdx.z; returns whether it has anything for this block.
  __device__ bool narrow() {
    if (offsets == nullptr) return true;
    const int64_t group = blockIdx.z, count = offsets[group + 1] - offsets[group];
    begin = offsets[group];
    if (rows_grouped) {
      y += begin * n;
      b += group * b_group;
      m = count;
    } else {
      y += group * y_group;
      k = count;
    }
    return count > 0;
  }
  __device__ static int64_t gathered(const int* gather, int64_t i) { return gather != nullptr ? gather[i] : i; }
  __device__ float a_at(int64_t row, int64_t at_k) const {
    const int64_t r = rows_grouped ? gathered(gather_a, begin + row) : row;
    const int64_t kk = rows_grouped ? at_k : gathered(gather_a, begin + at_k);
    return to_float(a[r * a_row + kk * a_k]);
  }
  __device__ float b_at(int64_t at_k, int64_t column) const {
    const int64_t kk = rows_grouped ? at_k : gathered(gather_b, begin + at_k);
    return to_float(b[kk * b_k + column * b_column]);
  }
};

template <class A, class B, class Y>
__global__ void __launch_bounds__(threads, 1) tiles_kernel(Tiles<A, B, Y> t) {
  HEARTH_SHARED(float, slice*(tile + 1), sm_a);
  HEARTH_SHARED(float, slice*(tile + 1), sm_b);
  if (!t.narrow()) return;
  const int64_t row0 = static_cast<int64_t>(blockIdx.x) * tile, column0 = static_cast<int64_t>(blockIdx.y) * tile;
  if (row0 >= t.m) return;
  const int thread = static_cast<int>(threadIdx.x), row = thread / 16 * per_thread, column = thread % 16 * per_thread;
  float sums[per_thread][per_thread] = {};
  for (int64_t k0 = 0; k0 < t.k; k0 += slice) {
#pragma unroll 1
    for (int i = thread; i < tile * slice; i += threads) {
      // Neighbouring threads read neighbouring addresses, whichever way the matrix lies.
      const int a_k = t.a_k == 1 ? i % slice : i / tile, a_row = t.a_k == 1 ? i / slice : i % tile;
      const int b_k = t.b_k == 1 ? i % slice : i / tile, b_column = t.b_k == 1 ? i / slice : i % tile;
      const bool a_valid = row0 + a_row < t.m && k0 + a_k < t.k;
      const bool b_valid = column0 + b_column < t.n && k0 + b_k < t.k;
      sm_a[a_k * (tile + 1) + a_row] = a_valid ? t.a_at(row0 + a_row, k0 + a_k) : 0;
      sm_b[b_k * (tile + 1) + b_column] = b_valid ? t.b_at(k0 + b_k, column0 + b_column) : 0;
    }
    __syncthreads();
    for (int kk = 0; kk < slice; ++kk) {
      float left[per_thread], right[per_thread];
      for (int i = 0; i < per_thread; ++i) left[i] = sm_a[kk * (tile + 1) + row + i];
      for (int i = 0; i < per_thread; ++i) right[i] = sm_b[kk * (tile + 1) + column + i];
      for (int i = 0; i < per_thread; ++i) {
        for (int j = 0; j < per_thread; ++j) sums[i][j] += left[i] * right[j];
      }
    }
    __syncthreads();
  }
  for (int i = 0; i < per_thread; ++i) {
    for (int j = 0; j < per_thread; ++j) {
      if (row0 + row + i >= t.m || column0 + column + j >= t.n) continue;
      Y* at = t.y + (row0 + row + i) * t.n + column0 + column + j;
      store(at, t.alpha * sums[i][j] + (t.accumulate ? to_float(*at) : 0.0f));
    }
  }
}

// a, b and y as they lie, with what else the product needs in `like`.
void run_tiles(Stream& stream, const Tensor& a, const Tensor& b, const Tensor& y,
               const Tiles<float, float, float>& like, int64_t rows_at_most, int64_t groups) {
  with_type(a.dtype, [&](auto a_type) {
    with_type(b.dtype, [&](auto b_type) {
      with_type(y.dtype, [&](auto y_type) {
        using A = decltype(a_type);
        using B = decltype(b_type);
        using Y = decltype(y_type);
        const Tiles<A, B, Y> t{
            data<const A>(a), data<const B>(b),  data<Y>(y),   like.m,        like.n,        like.k,
            like.a_row,       like.a_k,          like.b_k,     like.b_column, like.alpha,    like.accumulate,
            like.offsets,     like.rows_grouped, like.b_group, like.y_group,  like.gather_a, like.gather_b};
        launch(stream, tiles_kernel<A, B, Y>,
               {dim3(static_cast<unsigned>(ceil_div(rows_at_most, tile)), static_cast<unsigned>(ceil_div(like.n, tile)),
                     static_cast<unsigned>(groups)),
                threads},
               t);
      });
    });
  });
}

}  // namespace

void multiply(Stream& stream, const GemmArgs& args) {
  const int64_t k = args.a.shape[args.transpose_a ? 0 : 1], m = args.y.shape[0], n = args.y.shape[1];
  const GpuKernels& choice = stream.gpu_kernels();
  if (choice.gemm == GpuKernels::Gemm::sm90 && sm90::gemm(stream, args)) return;
  if (args.a.dtype == args.b.dtype && (args.a.dtype == DType::bf16 || args.y.dtype == DType::f32)) {
    const Product product{args.a.data,
                          args.b.data,
                          args.y.data,
                          args.a.dtype,
                          args.y.dtype,
                          m,
                          n,
                          k,
                          args.transpose_a,
                          args.transpose_b,
                          args.accumulate,
                          args.alpha,
                          choice.exact && !args.transpose_a};
    State& state = stream.state<State>();
    if (state.blas().multiply(product, state.blas_workspace())) return;
  }
  Tiles<float, float, float> t{};
  t.m = m, t.n = n, t.k = k;
  t.a_row = args.transpose_a ? 1 : k, t.a_k = args.transpose_a ? m : 1;
  t.b_k = args.transpose_b ? 1 : n, t.b_column = args.transpose_b ? k : 1;
  t.alpha = args.alpha, t.accumulate = args.accumulate;
  run_tiles(stream, args.a, args.b, args.y, t, m, 1);
}

void gemm(Stream& stream, const GemmArgs& args) {
  multiply(stream, args);
}

void grouped_tiles(Stream& stream, const GroupedGemmArgs& args) {
  const int64_t rows = args.y.shape[0], out = args.weight.shape[1], in = args.weight.shape[2];
  Tiles<float, float, float> t{};
  t.n = out, t.k = in, t.a_row = in, t.a_k = 1, t.b_k = 1, t.b_column = in, t.alpha = 1;
  t.offsets = data<const int>(args.offsets), t.rows_grouped = true, t.b_group = out * in;
  t.gather_a = data<const int>(args.gather);
  run_tiles(stream, args.x, args.weight, args.y, t, rows, args.weight.shape[0]);
}

void grouped_tiles(Stream& stream, const GroupedGemmInputGradientArgs& args) {
  const int64_t rows = args.dx.shape[0], out = args.weight.shape[1], in = args.weight.shape[2];
  Tiles<float, float, float> t{};
  t.n = in, t.k = out, t.a_row = out, t.a_k = 1, t.b_k = in, t.b_column = 1, t.alpha = 1;
  t.offsets = data<const int>(args.offsets), t.rows_grouped = true, t.b_group = out * in;
  t.gather_a = data<const int>(args.gather);
  run_tiles(stream, args.dy, args.weight, args.dx, t, rows, args.weight.shape[0]);
}

void grouped_tiles(Stream& stream, const GroupedGemmWeightGradientArgs& args) {
  const int64_t out = args.dweight.shape[1], in = args.dweight.shape[2];
  Tiles<float, float, float> t{};
  t.m = out, t.n = in, t.a_row = 1, t.a_k = out, t.b_k = in, t.b_column = 1, t.alpha = 1, t.accumulate = true;
  t.offsets = data<const int>(args.offsets), t.y_group = out * in;
  t.gather_a = data<const int>(args.gather_dy), t.gather_b = data<const int>(args.gather_x);
  run_tiles(stream, args.dy, args.x, args.dweight, t, out, args.dweight.shape[0]);
}

}  // namespace hearth::kernels::cuda
