// SPDX-License-Identifier: Apache-2.0
// Sums over rows, for each column, in a fixed order: the gradient of anything that all rows share.
#pragma once
#include "kernels/cuda/launch.cuh"

namespace hearth::kernels::cuda {

constexpr int column_threads = 128;

// parts[p, c] = sum of f(r, c) over rows [p * rows_each, (p + 1) * rows_each).
template <class F>
__global__ void __launch_bounds__(column_threads)
    sum_column_parts(F f, float* parts, int64_t rows, int64_t width, int64_t rows_each) {
  const int64_t column = static_cast<int64_t>(blockIdx.x) * column_threads + threadIdx.x;
  if (column >= width) return;
  const int64_t begin = blockIdx.y * rows_each, end = begin + rows_each < rows ? begin + rows_each : rows;
  float sum = 0;
  for (int64_t row = begin; row < end; ++row) sum += f(row, column);
  parts[blockIdx.y * width + column] = sum;
}

struct AddColumnParts {
  const float* parts;
  float* total;
  int64_t n_parts, width;
  __device__ void operator()(int64_t column) const {
    float sum = 0;
    for (int64_t part = 0; part < n_parts; ++part) sum += parts[part * width + column];
    total[column] += sum;
  }
};

inline int64_t rows_of_part(int64_t rows) {
  return std::max<int64_t>(32, ceil_div(rows, 256));
}
// Floats of scratch memory that add_columns needs.
inline int64_t column_parts(int64_t rows, int64_t width) {
  return ceil_div(rows, rows_of_part(rows)) * width;
}
// The same for any number of rows up to this one.
inline int64_t column_parts_at_most(int64_t rows, int64_t width) {
  return std::min<int64_t>(256, ceil_div(rows, 32)) * width;
}

// total[c] += sum over rows of f(row, c), by way of parts.
template <class F>
void add_columns(Stream& stream, int64_t rows, int64_t width, const F& f, float* total, float* parts) {
  const int64_t rows_each = rows_of_part(rows), n_parts = ceil_div(rows, rows_each);
  launch(stream, sum_column_parts<F>,
         {dim3(static_cast<unsigned>(ceil_div(width, column_threads)), static_cast<unsigned>(n_parts)), column_threads},
         f, parts, rows, width, rows_each);
  each(stream, width, AddColumnParts{parts, total, n_parts, width});
}
template <class F>
void add_columns(Stream& stream, int64_t rows, int64_t width, const F& f, float* total) {
  const auto bytes = static_cast<std::size_t>(column_parts(rows, width)) * sizeof(float);
  add_columns(stream, rows, width, f, total, reinterpret_cast<float*>(stream.state<State>().scratch(bytes)));
}

}  // namespace hearth::kernels::cuda
