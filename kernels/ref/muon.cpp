// SPDX-License-Identifier: Apache-2.0
#include "kernels/muon.h"

#include <cmath>
#include <utility>

#include "kernels/backend.h"
#include "kernels/ref/values.h"

namespace hearth::kernels::ref {
namespace {

struct Matrix {
  std::int64_t rows, columns;
  Values values;
};

Matrix transposed(const Matrix& x) {
  Matrix out{x.columns, x.rows, Values(x.values.size())};
  for (std::int64_t r = 0; r < x.rows; ++r) {
    for (std::int64_t c = 0; c < x.columns; ++c) out.values[c * x.rows + r] = x.values[r * x.columns + c];
  }
  return out;
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix out{a.rows, b.columns, Values(a.rows * b.columns)};
  for (std::int64_t r = 0; r < a.rows; ++r) {
    for (std::int64_t i = 0; i < a.columns; ++i) {
      for (std::int64_t c = 0; c < b.columns; ++c) {
        out.values[r * b.columns + c] += a.values[r * a.columns + i] * b.values[i * b.columns + c];
      }
    }
  }
  return out;
}

// Singular values towards 1, by the quintic of the contract.
Matrix newton_schulz(Matrix x) {
  const bool tall = x.rows > x.columns;
  if (tall) x = transposed(x);
  double squares = 0;
  for (const double value : x.values) squares += value * value;
  for (double& value : x.values) value /= std::sqrt(squares) + 1e-7;
  for (int step = 0; step < 5; ++step) {
    const Matrix a = product(x, transposed(x));
    Matrix b = product(a, a);
    for (std::size_t i = 0; i < b.values.size(); ++i) b.values[i] = 2.0315 * b.values[i] - 4.7750 * a.values[i];
    const Matrix change = product(b, x);
    for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] = 3.4445 * x.values[i] + change.values[i];
  }
  return tall ? transposed(x) : x;
}

}  // namespace

void muon(Stream&, const MuonArgs& args) {
  const std::int64_t rows = args.parameter.shape[-2], columns = args.parameter.shape[-1], size = rows * columns;
  Values parameter = read(args.parameter), buffer = read(args.buffer);
  const Values gradient = read(args.gradient);
  for (std::int64_t begin = 0; begin < args.parameter.n_elements(); begin += size) {
    Matrix u{rows, columns, Values(size)};
    for (std::int64_t i = 0; i < size; ++i) {
      const double g = args.gradient_scale * gradient[begin + i];
      double& average = buffer[begin + i];
      average = args.momentum * average + g;
      u.values[i] = args.nesterov ? g + args.momentum * average : average;
    }
    const Matrix x = newton_schulz(std::move(u));
    for (std::int64_t i = 0; i < size; ++i) {
      double& p = parameter[begin + i];
      p -= args.learning_rate * (args.update_scale * x.values[i] + args.weight_decay * p);
    }
  }
  write(args.parameter, parameter);
  write(args.buffer, buffer);
  write(args.copy, read(args.parameter));
}

}  // namespace hearth::kernels::ref
