// SPDX-License-Identifier: Apache-2.0
// Tiles of bf16 matrices: from global to shared memory by asynchronous copies, and from there into the fragments of
// mma.sync. A tile lies in shared memory as in global memory, rows of `width` elements, each padded by 16 bytes so that
// the eight rows of a matrix load fall into different banks.
#pragma once
#include "kernels/cuda/launch.cuh"

namespace hearth::kernels::cuda {

template <int width>
struct TileRows {
  static constexpr int pitch = width + 8;
  static constexpr int elements(int rows) { return rows * pitch; }
};

// A rows x width tile; row_at(i) gives where row i begins, or null for one of zeros; what lies at or behind
// valid_columns becomes zero. matrix: any address that may be read. aligned: rows begin at, and valid_columns is, a
// multiple of eight elements. Asynchronous where aligned: the caller commits and waits.
template <int rows, int width, int threads, bool aligned, class Row>
__device__ __forceinline__ void fetch_rows(Bf16* sm, const Bf16* matrix, const Row& row_at, int64_t valid_columns) {
  constexpr int pitch = TileRows<width>::pitch, chunks = width / 8;
#pragma unroll(aligned ? 2 : 1)
  for (int i = static_cast<int>(threadIdx.x); i < rows * chunks; i += threads) {
    const int row = i / chunks, column = i % chunks * 8;
    const Bf16* const from = row_at(row);
    Bf16* to = sm + row * pitch + column;
    if constexpr (aligned) {
      const bool valid = from != nullptr && column < valid_columns;
      copy16_async(to, valid ? from + column : matrix, valid);
    } else {
      for (int j = 0; j < 8; ++j) {
        const bool valid = from != nullptr && column + j < valid_columns;
        to[j] = valid ? from[column + j] : __float2bfloat16_rn(0.0f);
      }
    }
  }
}

// The rows x width tile whose first element is at `from`, rows `from_pitch` apart; what lies at or behind
// valid_rows, valid_columns becomes zero. aligned: as above, from_pitch too.
template <int rows, int width, int threads, bool aligned>
__device__ __forceinline__ void fetch_tile(Bf16* sm, const Bf16* from, int64_t from_pitch, int64_t valid_rows,
                                           int64_t valid_columns) {
  fetch_rows<rows, width, threads, aligned>(
      sm, from, [&](int row) { return row < valid_rows ? from + row * from_pitch : nullptr; }, valid_columns);
}

// The fragment of mma's a: rows [row, row + 16), depth [k, k + 16) of a tile [rows][depth], or of one [depth][rows]
// when transposed.
template <int width, bool transposed>
__device__ __forceinline__ void load_a(std::uint32_t (&a)[4], const Bf16* sm, int row, int k) {
  constexpr int pitch = TileRows<width>::pitch;
  const int lane = static_cast<int>(threadIdx.x) % warp;
  if constexpr (transposed)
    ldmatrix_transposed(a, sm + (k + lane / 16 * 8 + lane % 8) * pitch + row + lane / 8 % 2 * 8);
  else
    ldmatrix(a, sm + (row + lane % 16) * pitch + k + lane / 16 * 8);
}

// The fragments of mma's b for columns [column, column + 8) and [column + 8, column + 16), depth [k, k + 16), of a
// tile [columns][depth], or of one [depth][columns] when transposed.
template <int width, bool transposed>
__device__ __forceinline__ void load_b(std::uint32_t (&first)[2], std::uint32_t (&second)[2], const Bf16* sm,
                                       int column, int k) {
  constexpr int pitch = TileRows<width>::pitch;
  const int lane = static_cast<int>(threadIdx.x) % warp;
  std::uint32_t both[4];
  if constexpr (transposed)
    ldmatrix_transposed(both, sm + (k + lane / 8 % 2 * 8 + lane % 8) * pitch + column + lane / 16 * 8);
  else
    ldmatrix(both, sm + (column + lane / 16 * 8 + lane % 8) * pitch + k + lane / 8 % 2 * 8);
  first[0] = both[0], first[1] = both[1], second[0] = both[2], second[1] = both[3];
}

}  // namespace hearth::kernels::cuda
