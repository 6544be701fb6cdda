// SPDX-License-Identifier: Apache-2.0
// Muon: five Newton-Schulz steps out of gemm, the combinations between them a pass each.
#include "kernels/muon.h"

#include <cmath>
#include <utility>

#include "kernels/backend.h"
#include "kernels/cpu/rows.h"

namespace hearth::kernels::cpu {
namespace {

// What one matrix needs; all of it lies in the caller's workspace.
struct Iteration {
  std::int64_t rows, columns;  // of x: never more rows than columns
  Tensor x, next;              // [rows, columns] compute dtype
  Tensor a, b;                 // [rows, rows] compute dtype
};

Iteration iteration_in(const Tensor& workspace, std::int64_t rows, std::int64_t columns, DType compute) {
  const auto aligned = (reinterpret_cast<std::uintptr_t>(workspace.data) + 63) / 64 * 64;
  std::byte* next = reinterpret_cast<std::byte*>(aligned);
  const auto take = [&](Shape shape) {
    const Tensor tensor(next, compute, shape);
    next += tensor.bytes();
    return tensor;
  };
  const std::int64_t side = std::min(rows, columns), length = std::max(rows, columns);
  return {side, length, take({side, length}), take({side, length}), take({side, side}), take({side, side})};
}

float value_at(const Tensor& tensor, std::int64_t i) {
  return tensor.dtype == DType::bf16 ? static_cast<float>(tensor.as<bf16>()[i]) : tensor.as<float>()[i];
}
void set_at(const Tensor& tensor, std::int64_t i, float value) {
  if (tensor.dtype == DType::bf16) tensor.as<bf16>()[i] = bf16(value);
  if (tensor.dtype == DType::f32) tensor.as<float>()[i] = value;
}

// out[i] = p * x[i] + q * y[i]
void combine(Stream& stream, float p, const Tensor& x, float q, const Tensor& y, const Tensor& out) {
  for_element_blocks(stream, out.n_elements(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) set_at(out, i, p * value_at(x, i) + q * value_at(y, i));
  });
}

void newton_schulz(Stream& stream, Iteration& it) {
  for (int step = 0; step < 5; ++step) {
    gemm(stream, {.a = it.x, .b = it.x, .y = it.a, .transpose_b = true});
    gemm(stream, {.a = it.a, .b = it.a, .y = it.b});
    combine(stream, -4.7750f, it.a, 2.0315f, it.b, it.b);
    gemm(stream, {.a = it.b, .b = it.x, .y = it.next});
    combine(stream, 3.4445f, it.x, 1.0f, it.next, it.next);
    std::swap(it.x, it.next);
  }
}

// Where element (row, column) of the parameter lies in x, which is transposed if the parameter is tall.
std::int64_t place(const Iteration& it, bool tall, std::int64_t row, std::int64_t column) {
  return tall ? column * it.columns + row : row * it.columns + column;
}

struct Matrix {
  float *parameter, *buffer;
  const float* gradient;
  bf16* copy;
  std::int64_t rows, columns;
  bool tall() const { return rows > columns; }
};

// Momentum, and its direction scaled to unit norm into it.x.
void start(Stream& stream, const MuonArgs& args, const Matrix& matrix, const Iteration& it) {
  const std::int64_t blocks = n_row_blocks(matrix.rows, matrix.columns);
  std::vector<double> squares(blocks);
  const auto direction = [&](std::int64_t i) {
    const float g = args.gradient_scale * matrix.gradient[i];
    return args.nesterov ? g + args.momentum * matrix.buffer[i] : matrix.buffer[i];
  };
  for_row_blocks(stream, matrix.rows, matrix.columns, [&](RowRange rows, std::int64_t block) {
    for (std::int64_t i = rows.begin * matrix.columns; i < rows.end * matrix.columns; ++i) {
      matrix.buffer[i] = args.momentum * matrix.buffer[i] + args.gradient_scale * matrix.gradient[i];
      squares[block] += static_cast<double>(direction(i)) * direction(i);
    }
  });
  double total = 0;
  for (const double part : squares) total += part;
  const float factor = static_cast<float>(1 / (std::sqrt(total) + 1e-7));
  for_row_blocks(stream, matrix.rows, matrix.columns, [&](RowRange rows, std::int64_t) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      for (std::int64_t column = 0; column < matrix.columns; ++column) {
        set_at(it.x, place(it, matrix.tall(), row, column), factor * direction(row * matrix.columns + column));
      }
    }
  });
}

void finish(Stream& stream, const MuonArgs& args, const Matrix& matrix, const Iteration& it) {
  for_row_blocks(stream, matrix.rows, matrix.columns, [&](RowRange rows, std::int64_t) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      for (std::int64_t column = 0; column < matrix.columns; ++column) {
        const std::int64_t i = row * matrix.columns + column;
        float& p = matrix.parameter[i];
        const float update = args.update_scale * value_at(it.x, place(it, matrix.tall(), row, column));
        p -= args.learning_rate * (update + args.weight_decay * p);
        if (matrix.copy) matrix.copy[i] = bf16(p);
      }
    }
  });
}

}  // namespace

void muon(Stream& stream, const MuonArgs& args) {
  const std::int64_t rows = args.parameter.shape[-2], columns = args.parameter.shape[-1], size = rows * columns;
  const DType compute = args.compute == DType::bf16 && bf16_is_native() ? DType::bf16 : DType::f32;
  for (std::int64_t begin = 0; begin < args.parameter.n_elements(); begin += size) {
    const Matrix matrix{args.parameter.as<float>() + begin,
                        args.buffer.as<float>() + begin,
                        args.gradient.as<float>() + begin,
                        args.copy ? args.copy.as<bf16>() + begin : nullptr,
                        rows,
                        columns};
    Iteration it = iteration_in(args.workspace, rows, columns, compute);
    start(stream, args, matrix, it);
    newton_schulz(stream, it);
    finish(stream, args, matrix, it);
  }
}

}  // namespace hearth::kernels::cpu
