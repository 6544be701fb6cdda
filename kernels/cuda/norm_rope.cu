// SPDX-License-Identifier: Apache-2.0
// A warp takes a head: each lane has pairs (i, i + half) that turn together, and elements behind the rotary ones, which
// it reads once for the norm and once more, then from the cache, to turn them.
#include "kernels/norm_rope.h"

#include "kernels/cuda/columns.cuh"
#include "kernels/cuda/rows.cuh"

namespace hearth::kernels::cuda {
namespace {

// What turns rows of heads.
struct Turn {
  const float* cos_sin;
  int64_t heads, half;
  explicit Turn(const Tensor& table, const Tensor& x)
      : cos_sin(data<const float>(table)), heads(x.shape[1]), half(table.shape[2]) {}
  __device__ const float* cosines(int64_t row) const { return cos_sin + row / heads * 2 * half; }
  __device__ const float* sines(int64_t row) const { return cosines(row) + half; }
  // Element i of the row turned back.
  template <class T>
  __device__ float back(const T* x, int64_t row, int64_t i) const {
    if (i >= 2 * half) return to_float(x[i]);
    const int64_t pair = i < half ? i : i - half;
    const float cosine = cosines(row)[pair], sine = sines(row)[pair];
    return i < half ? to_float(x[i]) * cosine + to_float(x[i + half]) * sine
                    : to_float(x[i]) * cosine - to_float(x[pair]) * sine;
  }
};

template <class T>
struct Forward {
  const T* x;
  Weight weight;
  Turn turn;
  T* y;
  float* rstd;
  int64_t head_dim;
  float epsilon;

  __device__ void operator()(int64_t row, float*) const {
    const int64_t lane = RowGroup<warp>::lane();
    const T* const from = x + row * head_dim;
    T* const to = y + row * head_dim;
    float squares = 0;
    for (int64_t i = lane; i < head_dim; i += warp) squares += to_float(from[i]) * to_float(from[i]);
    const float scale = 1 / sqrtf(warp_sum(squares) / static_cast<float>(head_dim) + epsilon);
    if (lane == 0) rstd[row] = scale;
    const float *cosines = turn.cosines(row), *sines = turn.sines(row);
    for (int64_t i = lane; i < turn.half; i += warp) {
      const float a = to_float(from[i]) * scale * weight.get(i);
      const float b = to_float(from[i + turn.half]) * scale * weight.get(i + turn.half);
      store(to + i, a * cosines[i] - b * sines[i]);
      store(to + i + turn.half, b * cosines[i] + a * sines[i]);
    }
    for (int64_t i = 2 * turn.half + lane; i < head_dim; i += warp)
      store(to + i, to_float(from[i]) * scale * weight.get(i));
  }
};

template <class T>
struct Backward {
  const T *dy, *x;
  Weight weight;
  const float* rstd;
  Turn turn;
  T* dx;
  int64_t head_dim;

  // Both elements of a pair are the same lane's, in both passes: dx may be dy.
  __device__ void operator()(int64_t row, float*) const {
    const int64_t lane = RowGroup<warp>::lane(), half = turn.half;
    const T *const from = dy + row * head_dim, *const normed = x + row * head_dim;
    T* const to = dx + row * head_dim;
    const auto g = [&](int64_t i) { return turn.back(from, row, i) * weight.get(i); };
    float sum = 0;
#pragma unroll 1
    for (int64_t i = lane; i < half; i += warp)
      sum += g(i) * to_float(normed[i]) + g(i + half) * to_float(normed[i + half]);
#pragma unroll 1
    for (int64_t i = 2 * half + lane; i < head_dim; i += warp) sum += g(i) * to_float(normed[i]);
    const float scale = rstd[row], mean = warp_sum(sum) / static_cast<float>(head_dim) * scale * scale;
#pragma unroll 1
    for (int64_t i = lane; i < half; i += warp) {
      const float a = scale * (g(i) - to_float(normed[i]) * mean);
      const float b = scale * (g(i + half) - to_float(normed[i + half]) * mean);
      store(to + i, a);
      store(to + i + half, b);
    }
#pragma unroll 1
    for (int64_t i = 2 * half + lane; i < head_dim; i += warp)
      store(to + i, scale * (g(i) - to_float(normed[i]) * mean));
  }
};

template <class T>
struct WeightGradient {
  const T *dy, *x;
  const float* rstd;
  Turn turn;
  int64_t head_dim;
  __device__ float operator()(int64_t row, int64_t column) const {
    return turn.back(dy + row * head_dim, row, column) * to_float(x[row * head_dim + column]) * rstd[row];
  }
};

}  // namespace

void norm_rope(Stream& stream, const NormRopeArgs& args) {
  const int64_t rows = args.x.shape[0] * args.x.shape[1];
  with_type(args.x.dtype, [&](auto type) {
    using T = decltype(type);
    each_row<warp>(stream, rows,
                   Forward<T>{data<const T>(args.x), Weight(args.weight), Turn(args.cos_sin, args.x), data<T>(args.y),
                              data<float>(args.rstd), args.x.shape[2], args.epsilon});
  });
}

void norm_rope_backward(Stream& stream, const NormRopeBackwardArgs& args) {
  const int64_t rows = args.x.shape[0] * args.x.shape[1], head_dim = args.x.shape[2];
  with_type(args.x.dtype, [&](auto type) {
    using T = decltype(type);
    const Turn turn(args.cos_sin, args.x);
    if (args.dweight) {  // first, as dx may be dy
      add_columns(stream, rows, head_dim,
                  WeightGradient<T>{data<const T>(args.dy), data<const T>(args.x), data<const float>(args.rstd), turn,
                                    head_dim},
                  data<float>(args.dweight));
    }
    each_row<warp>(stream, rows,
                   Backward<T>{data<const T>(args.dy), data<const T>(args.x), Weight(args.weight),
                               data<const float>(args.rstd), turn, data<T>(args.dx), head_dim});
  });
}

}  // namespace hearth::kernels::cuda
