// SPDX-License-Identifier: Apache-2.0
#include "kernels/glu.h"

#include <cmath>

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {

void glu(Stream&, const GluArgs& args) {
  const std::int64_t rows = args.y.shape[0], ffn = args.y.shape[1];
  const Values x = read(args.x), weight = args.row_weight ? read(args.row_weight) : Values(rows, 1);
  Values y(rows * ffn);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t i = 0; i < ffn; ++i) {
      const double gate = x[row * 2 * ffn + i], up = x[row * 2 * ffn + ffn + i];
      y[row * ffn + i] = weight[row] * gate / (1 + std::exp(-gate)) * up;
    }
  }
  write(args.y, y);
}

void glu_backward(Stream&, const GluBackwardArgs& args) {
  const std::int64_t rows = args.dy.shape[0], ffn = args.dy.shape[1];
  const Values x = read(args.x), dy = read(args.dy);
  const Values weight = args.row_weight ? read(args.row_weight) : Values(rows, 1);
  Values dx(x.size()), y(dy.size()), d_weight(rows);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t i = 0; i < ffn; ++i) {
      const double gate = x[row * 2 * ffn + i], up = x[row * 2 * ffn + ffn + i];
      const double sigmoid = 1 / (1 + std::exp(-gate)), a = gate * sigmoid * up;
      const double da = weight[row] * dy[row * ffn + i];
      dx[row * 2 * ffn + i] = da * up * sigmoid * (1 + gate * (1 - sigmoid));
      dx[row * 2 * ffn + ffn + i] = da * gate * sigmoid;
      d_weight[row] += dy[row * ffn + i] * a;
      y[row * ffn + i] = weight[row] * a;
    }
  }
  write(args.dx, dx);
  write(args.d_row_weight, d_weight);
  write(args.y, y);
}

}  // namespace hearth::kernels::ref
