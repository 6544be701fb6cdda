// SPDX-License-Identifier: Apache-2.0
#include "kernels/backend.h"
#include "kernels/cuda/columns.cuh"
#include "kernels/cuda/rows.cuh"

namespace hearth::kernels::cuda {
namespace {

template <int per_row, int n, class T>
struct Forward {
  const T *x, *residual;
  Weight weight;
  T *sum, *y;
  float* rstd;
  int64_t width;
  float epsilon;

  __device__ void operator()(int64_t row, float* parts) const {
    using Group = RowGroup<per_row>;
    const int64_t base = row * width;
    float squares = 0, s[n], w[n];
    for (int64_t i = Group::lane() * n; i < width; i += per_row * n) {
      load<n>(x + base + i, s);
      if (residual != nullptr) {
        load<n>(residual + base + i, w);
        for (int j = 0; j < n; ++j) s[j] = rounded<T>(s[j] + w[j]);
        store<n>(sum + base + i, s);
      }
      for (int j = 0; j < n; ++j) squares += s[j] * s[j];
    }
    const float scale = 1 / sqrtf(Group::sum(squares, parts) / static_cast<float>(width) + epsilon);
    if (rstd != nullptr && Group::lane() == 0) rstd[row] = scale;
    const T* normed = residual != nullptr ? sum : x;  // each thread reads again what it read or wrote itself
    for (int64_t i = Group::lane() * n; i < width; i += per_row * n) {
      load<n>(normed + base + i, s);
      weight.get<n>(i, w);
      for (int j = 0; j < n; ++j) s[j] *= scale * w[j];
      store<n>(y + base + i, s);
    }
  }
};

template <int per_row, int n, class T>
struct Backward {
  const T *dy, *s;
  Weight weight;
  const float* rstd;
  const T* d_residual;
  T* ds;
  int64_t width;

  __device__ void operator()(int64_t row, float* parts) const {
    using Group = RowGroup<per_row>;
    const int64_t base = row * width;
    float sum = 0, g[n], x[n], w[n];
    for (int64_t i = Group::lane() * n; i < width; i += per_row * n) {
      load<n>(dy + base + i, g);
      load<n>(s + base + i, x);
      weight.get<n>(i, w);
      for (int j = 0; j < n; ++j) sum += g[j] * w[j] * x[j];
    }
    const float scale = rstd[row];
    const float mean = Group::sum(sum, parts) / static_cast<float>(width) * scale * scale;
    for (int64_t i = Group::lane() * n; i < width; i += per_row * n) {
      load<n>(dy + base + i, g);
      load<n>(s + base + i, x);
      weight.get<n>(i, w);
      for (int j = 0; j < n; ++j) g[j] = scale * (g[j] * w[j] - x[j] * mean);
      if (d_residual != nullptr) {
        load<n>(d_residual + base + i, w);
        for (int j = 0; j < n; ++j) g[j] += w[j];
      }
      store<n>(ds + base + i, g);
    }
  }
};

template <class T>
struct WeightGradient {
  const T *dy, *s;
  const float* rstd;
  int64_t width;
  __device__ float operator()(int64_t row, int64_t column) const {
    return to_float(dy[row * width + column]) * to_float(s[row * width + column]) * rstd[row];
  }
};

}  // namespace

void rmsnorm(Stream& stream, const RmsnormArgs& args) {
  const int64_t rows = args.x.shape[0], width = args.x.shape[1];
  with_type(args.x.dtype, [&](auto type) {
    using T = decltype(type);
    by_width(
        width,
        [&](auto per_row, auto n) {
          each_row<per_row>(
              stream, rows,
              Forward<per_row, n, T>{data<const T>(args.x), data<const T>(args.residual), Weight(args.weight),
                                     data<T>(args.sum), data<T>(args.y), data<float>(args.rstd), width, args.epsilon});
        },
        args.x, args.residual, args.weight, args.sum, args.y);
  });
}

void rmsnorm_backward(Stream& stream, const RmsnormBackwardArgs& args) {
  const int64_t rows = args.s.shape[0], width = args.s.shape[1];
  with_type(args.s.dtype, [&](auto type) {
    using T = decltype(type);
    if (args.dweight) {  // first, as ds may be dy
      add_columns(stream, rows, width,
                  WeightGradient<T>{data<const T>(args.dy), data<const T>(args.s), data<const float>(args.rstd), width},
                  data<float>(args.dweight));
    }
    by_width(
        width,
        [&](auto per_row, auto n) {
          each_row<per_row>(stream, rows,
                            Backward<per_row, n, T>{data<const T>(args.dy), data<const T>(args.s), Weight(args.weight),
                                                    data<const float>(args.rstd), data<const T>(args.d_residual),
                                                    data<T>(args.ds), width});
        },
        args.dy, args.s, args.weight, args.d_residual, args.ds);
  });
}

}  // namespace hearth::kernels::cuda
