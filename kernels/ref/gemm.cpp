// SPDX-License-Identifier: Apache-2.0
#include "kernels/gemm.h"

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {

void gemm(Stream&, const GemmArgs& args) {
  const Values a = read(args.a), b = read(args.b);
  const std::int64_t m = args.y.shape[0], n = args.y.shape[1], k = args.a.shape[args.transpose_a ? 0 : 1];
  Values y = args.accumulate ? read(args.y) : Values(m * n);
  for (std::int64_t row = 0; row < m; ++row) {
    for (std::int64_t column = 0; column < n; ++column) {
      double sum = 0;
      for (std::int64_t i = 0; i < k; ++i) {
        sum += a[args.transpose_a ? i * m + row : row * k + i] * b[args.transpose_b ? column * k + i : i * n + column];
      }
      y[row * n + column] += args.alpha * sum;
    }
  }
  write(args.y, y);
}

}  // namespace hearth::kernels::ref
