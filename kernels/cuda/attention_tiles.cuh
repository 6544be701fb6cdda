// SPDX-License-Identifier: Apache-2.0
// Pieces of the attention kernels on tensor cores: tiles of queries or keys of one sequence, products of tiles that
// stay in registers, and the mask over a 16 x n piece of scores.
#pragma once
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/tile_memory.cuh"

namespace hearth::kernels::cuda {

constexpr int attention_warps = 4, attention_threads = attention_warps * warp;
constexpr int attention_rows = attention_warps * 16;  // of a tile: sixteen a warp
constexpr float log2_e = 1.4426950408889634f;

// Rows [begin, begin + attention_rows) of one sequence.
struct SequenceTile {
  int sequence;
  int begin, length;  // of the tile in the sequence; of the sequence
};

// Tiles of all sequences are numbered cu_seqlens[s] / rows + s + i, which leaves room for each and may leave gaps;
// false for a number in a gap.
__device__ __forceinline__ bool find_sequence_tile(const int* cu_seqlens, int n_sequences, int number,
                                                   SequenceTile& tile) {
  int low = 0, high = n_sequences;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    cu_seqlens[middle] / attention_rows + middle <= number ? low = middle : high = middle;
  }
  const int start = cu_seqlens[low], length = cu_seqlens[low + 1] - start;
  tile = {low, (number - start / attention_rows - low) * attention_rows, length};
  return tile.begin < length;
}
inline unsigned most_sequence_tiles(int64_t tokens, int n_sequences) {
  return static_cast<unsigned>(tokens / attention_rows + n_sequences);
}

template <int columns>
using Piece = float[columns / 8][4];  // 16 rows x columns, as mma leaves them

__device__ __forceinline__ int piece_row(int element) {
  return static_cast<int>(threadIdx.x) % warp / 4 + element / 2 * 8;
}
__device__ __forceinline__ int piece_column(int j, int element) {
  return j * 8 + static_cast<int>(threadIdx.x) % 4 * 2 + element % 2;
}

// s = a b^T: rows [row, row + 16) of the tile a [.][depth] and all rows of b [columns][depth].
template <int columns, int depth>
__device__ __forceinline__ void product_of_tiles(Piece<columns>& s, const Bf16* a, int row, const Bf16* b) {
#pragma unroll
  for (int j = 0; j < columns / 8; ++j) {
#pragma unroll
    for (int e = 0; e < 4; ++e) s[j][e] = 0;
  }
#pragma unroll
  for (int k = 0; k < depth; k += 16) {
    std::uint32_t left[4];
    load_a<depth, false>(left, a, row, k);
#pragma unroll
    for (int j = 0; j < columns / 8; j += 2) {
      std::uint32_t first[2], second[2];
      load_b<depth, false>(first, second, b, j * 8, k);
      mma(s[j], left, first);
      mma(s[j + 1], left, second);
    }
  }
}

// sums += p b: p rounded to bf16, columns [column0, column0 + columns) of the tile b [depth][width].
template <int columns, int depth, int width>
__device__ __forceinline__ void add_product(Piece<columns>& sums, const Piece<depth>& p, const Bf16* b, int column0) {
#pragma unroll
  for (int k = 0; k < depth / 16; ++k) {
    const float *low = p[2 * k], *high = p[2 * k + 1];
    const std::uint32_t left[4] = {pack(low[0], low[1]), pack(low[2], low[3]), pack(high[0], high[1]),
                                   pack(high[2], high[3])};
#pragma unroll
    for (int j = 0; j < columns / 8; j += 2) {
      std::uint32_t first[2], second[2];
      load_b<width, true>(first, second, b, column0 + j * 8, k * 16);
      mma(sums[j], left, first);
      mma(sums[j + 1], left, second);
    }
  }
}

// Whether all of queries [query, query_end) see all of keys [key, key_end), which lie in the sequence.
__device__ __forceinline__ bool all_visible(const Mask& mask, int query, int query_end, int key, int key_end) {
  if (mask.causal && key_end - 1 > query) return false;
  if (mask.window > 0 && (query_end - 1 - key >= mask.window || key_end - 1 - query >= mask.window)) return false;
  return mask.chunk == 0 ||
         (mask.chunk_of(query) == mask.chunk_of(query_end - 1) && mask.chunk_of(key) == mask.chunk_of(key_end - 1) &&
          mask.chunk_of(query) == mask.chunk_of(key));
}

// Rows [row0, row0 + 16) of a piece, factor[h] for its rows 0..7 and 8..15 of this lane, to `to` [.][pitch].
template <int columns>
__device__ __forceinline__ void write_piece(Bf16* to, int64_t pitch, const Piece<columns>& piece, int row0, int rows,
                                            int column0, int valid_columns, const float (&factor)[2]) {
#pragma unroll
  for (int j = 0; j < columns / 8; ++j) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int row = row0 + piece_row(e), column = column0 + piece_column(j, e);
      if (row < rows && column < valid_columns) store(to + row * pitch + column, factor[e / 2] * piece[j][e]);
    }
  }
}

}  // namespace hearth::kernels::cuda
