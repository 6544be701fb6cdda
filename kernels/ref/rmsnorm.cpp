// SPDX-License-Identifier: Apache-2.0
#include "kernels/rmsnorm.h"

#include <cmath>

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {

void rmsnorm(Stream&, const RmsnormArgs& args) {
  const std::int64_t rows = args.x.shape[0], width = args.x.shape[1];
  Values s = read(args.x);
  if (args.residual) {
    const Values residual = read(args.residual);
    for (std::size_t i = 0; i < s.size(); ++i) s[i] += residual[i];
    write(args.sum, s);
    s = read(args.sum);  // as rounded
  }
  const Values weight = args.weight ? read(args.weight) : Values(width, 1);
  Values rstd(rows), y(s.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    double squares = 0;
    for (std::int64_t i = 0; i < width; ++i) squares += s[row * width + i] * s[row * width + i];
    rstd[row] = 1 / std::sqrt(squares / width + args.epsilon);
    for (std::int64_t i = 0; i < width; ++i) y[row * width + i] = s[row * width + i] * rstd[row] * weight[i];
  }
  write(args.y, y);
  write(args.rstd, rstd);
}

void rmsnorm_backward(Stream&, const RmsnormBackwardArgs& args) {
  const std::int64_t rows = args.s.shape[0], width = args.s.shape[1];
  const Values dy = read(args.dy), s = read(args.s), rstd = read(args.rstd);
  const Values weight = args.weight ? read(args.weight) : Values(width, 1);
  Values ds = args.d_residual ? read(args.d_residual) : Values(s.size());
  Values dweight = args.dweight ? read(args.dweight) : Values(width);
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t base = row * width;
    double mean = 0;
    for (std::int64_t i = 0; i < width; ++i) mean += dy[base + i] * weight[i] * s[base + i] / width;
    for (std::int64_t i = 0; i < width; ++i) {
      ds[base + i] += rstd[row] * (dy[base + i] * weight[i] - s[base + i] * rstd[row] * rstd[row] * mean);
      dweight[i] += dy[base + i] * s[base + i] * rstd[row];
    }
  }
  write(args.ds, ds);
  write(args.dweight, dweight);
}

}  // namespace hearth::kernels::ref
