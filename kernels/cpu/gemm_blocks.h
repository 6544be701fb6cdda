// SPDX-License-Identifier: Apache-2.0
// The parts matrix products on the CPU are made of, for one instruction set and one type of operand. Every result is
// one chain of fused multiply-adds over k in ascending order, cut only at multiples of block_k, so it does not depend
// on how many rows or columns are computed with it. Attention uses the same parts on its own blocks.
//
// k runs in units of 4 bytes: one f32, or two neighbouring bf16 (the pair one vdpbf16ps eats). Packed layouts:
//   b: [columns / nr][k units][nr] units, columns past the end are zeros
//   a: [k units][mr] units for each group of mr rows (only where rows cannot be read in place)
#pragma once
#include <cstddef>
#include <cstdint>

#include "lib/base/dtype.h"

namespace hearth::kernels::cpu {

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) {
  return ceil_div(a, b) * b;
}

// A matrix in memory: element (row, column) at data + row * row_stride + column * column_stride, one of them 1.
struct MatrixView {
  const std::byte* data;
  DType dtype;
  std::int64_t row_stride, column_stride;  // elements

  MatrixView at(std::int64_t row, std::int64_t column) const {
    MatrixView out = *this;
    out.data += (row * row_stride + column * column_stride) * static_cast<std::int64_t>(size_of(dtype));
    return out;
  }
};

struct GemmBlocks {
  int mr, nr;   // rows and columns of the result held in registers
  int unit;     // elements of k in 4 bytes: 1 or 2
  int block_k;  // k units after which partial sums go to memory

  // op(b) [k, columns] -> packed. Writes ceil(columns / nr) * ceil(k / unit) * nr units.
  void (*pack_b)(const MatrixView& b, std::int64_t k, std::int64_t columns, std::uint32_t* packed);
  // op(a) [rows, k] with contiguous columns -> packed.
  void (*pack_a)(const MatrixView& a, std::int64_t rows, std::int64_t k, std::uint32_t* packed);
  // op(a) [rows, k] with contiguous rows -> rows of units, `stride` units apart: where a cannot be read in place.
  void (*copy_a)(const MatrixView& a, std::int64_t rows, std::int64_t k, std::uint32_t* copied, std::int64_t stride);
  // c[rows, nr] (+)= a b over k units; rows <= mr; b is one packed group of columns; c has all nr columns. a is packed
  // if row_stride is 0, else row r lies in place at a + r * row_stride.
  void (*multiply)(const std::uint32_t* a, std::int64_t row_stride, const std::uint32_t* b, std::int64_t units,
                   int rows, float* c, std::int64_t c_stride, bool accumulate);
};

const GemmBlocks& gemm_blocks_f32();   // f32 operands, or bf16 ones widened while packed
const GemmBlocks* gemm_blocks_bf16();  // none where the CPU does not multiply bf16

// y[rows, columns] (+)= alpha * c, rounded to y's dtype.
struct GemmResult {
  std::byte* y;
  DType dtype;
  std::int64_t stride;  // elements
};
void gemm_finish(const float* c, std::int64_t c_stride, std::int64_t rows, std::int64_t columns, float alpha,
                 bool accumulate, const GemmResult& result);

// The blocks that multiply operands of these types.
inline const GemmBlocks& gemm_blocks(DType a, DType b) {
  const GemmBlocks* const bf16_blocks = gemm_blocks_bf16();
  return a == DType::bf16 && b == DType::bf16 && bf16_blocks ? *bf16_blocks : gemm_blocks_f32();
}

}  // namespace hearth::kernels::cpu
