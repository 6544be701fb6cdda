// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/glu.cuh"

#include "kernels/cuda/rows.cuh"

namespace hearth::kernels::cuda {
namespace {

template <int n, class T>
struct Forward {
  const T* x;
  const float* row_weight;
  T* y;
  int64_t ffn;
  const int* rows_used;
  __device__ void operator()(int64_t i) const {
    const int64_t row = i * n / ffn, column = i * n % ffn;
    if (rows_used != nullptr && row >= *rows_used) return;
    const float weight = row_weight != nullptr ? row_weight[row] : 1.0f;
    float gate[n], up[n];
    load<n>(x + row * 2 * ffn + column, gate);
    load<n>(x + row * 2 * ffn + ffn + column, up);
    for (int j = 0; j < n; ++j) up[j] = weight * glu_of(gate[j], up[j]);
    store<n>(y + i * n, up);
  }
};

template <int per_row, int n, class T>
struct Backward {
  const T *dy, *x;
  const float* row_weight;
  T* dx;
  float* d_row_weight;
  T* y;
  int64_t ffn;
  const int* rows_used;

  __device__ void operator()(int64_t row, float* parts) const {
    using Group = RowGroup<per_row>;
    if (rows_used != nullptr && row >= *rows_used) return;
    const float weight = row_weight != nullptr ? row_weight[row] : 1.0f;
    float sum = 0, gate[n], up[n], d[n], a[n];
    for (int64_t i = Group::lane() * n; i < ffn; i += per_row * n) {
      load<n>(x + row * 2 * ffn + i, gate);
      load<n>(x + row * 2 * ffn + ffn + i, up);
      load<n>(dy + row * ffn + i, d);
      for (int j = 0; j < n; ++j) {
        const GluGradient gradient(gate[j], up[j], weight * d[j]);
        a[j] = weight * gradient.a;
        sum += d[j] * gradient.a;
        gate[j] = gradient.d_gate;
        up[j] = gradient.d_up;
      }
      store<n>(dx + row * 2 * ffn + i, gate);
      store<n>(dx + row * 2 * ffn + ffn + i, up);
      if (y != nullptr) store<n>(y + row * ffn + i, a);
    }
    if (d_row_weight == nullptr) return;
    sum = Group::sum(sum, parts);
    if (Group::lane() == 0) d_row_weight[row] = sum;
  }
};

}  // namespace

void glu_of_rows(Stream& stream, const GluArgs& args, const int* rows_used) {
  const int64_t ffn = args.y.shape[1], count = args.y.n_elements();
  with_type(args.y.dtype, [&](auto type) {
    using T = decltype(type);
    const auto run = [&](auto n) {
      each(stream, count / n,
           Forward<n, T>{data<const T>(args.x), data<const float>(args.row_weight), data<T>(args.y), ffn, rows_used});
    };
    if (in_eights(ffn, args.x, args.y))
      run(std::integral_constant<int, 8>{});
    else
      run(std::integral_constant<int, 1>{});
  });
}

void glu_backward_of_rows(Stream& stream, const GluBackwardArgs& args, const int* rows_used) {
  const int64_t rows = args.dy.shape[0], ffn = args.dy.shape[1];
  with_type(args.dy.dtype, [&](auto type) {
    using T = decltype(type);
    by_width(
        ffn,
        [&](auto per_row, auto n) {
          each_row<per_row>(stream, rows,
                            Backward<per_row, n, T>{data<const T>(args.dy), data<const T>(args.x),
                                                    data<const float>(args.row_weight), data<T>(args.dx),
                                                    data<float>(args.d_row_weight), data<T>(args.y), ffn, rows_used});
        },
        args.dy, args.x, args.dx, args.y);
  });
}

void glu(Stream& stream, const GluArgs& args) {
  glu_of_rows(stream, args, nullptr);
}

void glu_backward(Stream& stream, const GluBackwardArgs& args) {
  glu_backward_of_rows(stream, args, nullptr);
}

}  // namespace hearth::kernels::cuda
