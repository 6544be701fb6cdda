// SPDX-License-Identifier: Apache-2.0
// Attention over pages on tensor cores: a block takes sixteen rows, each a query and one of the heads that share a kv
// head, through the keys of one split. The first warps multiply the scores, all of them turn these into probabilities
// in shared memory, and each then adds up its quarter of the values' width; the next keys' copies run meanwhile.
#include "kernels/cuda/attention_decode.cuh"
#include "kernels/cuda/attention_tiles.cuh"

namespace hearth::kernels::cuda {
namespace {

constexpr int tile_rows = 16;

// latent: values are the first `width` elements of the keys.
template <int depth, int width, bool latent>
struct Memory {
  static constexpr int keys = depth > 128 ? 32 : 64;  // a step
  static constexpr int q = TileRows<depth>::elements(tile_rows);
  static constexpr int k = TileRows<depth>::elements(keys), v = latent ? 0 : TileRows<width>::elements(keys);
  static constexpr int p = TileRows<keys>::elements(tile_rows);
  static constexpr int score_pitch = keys + 4;
  static constexpr std::size_t bytes =
      (q + 2 * (k + v) + p) * sizeof(Bf16) + (tile_rows * score_pitch + tile_rows) * sizeof(float);
};

// Rows [begin, begin + 16) of a sequence and kv head: row r is query r / group, head r % group of the group.
struct RowTile {
  int sequence, begin, rows;
};
// Tiles are numbered cu_seqlens[s] * group / 16 + s + i; false for a number in a gap.
template <class T>
__device__ bool find_row_tile(const DecodeInputs<T>& in, int64_t number, RowTile& tile) {
  const int64_t group = in.q_heads / in.kv_heads;
  int low = 0, high = in.n_sequences;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    in.cu_seqlens[middle]* group / tile_rows + middle <= number ? low = middle : high = middle;
  }
  const int64_t start = in.cu_seqlens[low] * group, rows = in.cu_seqlens[low + 1] * group - start;
  tile = {low, static_cast<int>((number - start / tile_rows - low) * tile_rows), static_cast<int>(rows)};
  return tile.begin < tile.rows;
}

// `rows` keys or values from position `first` on, those at or behind `end` as zeros.
template <int rows, int width>
__device__ __forceinline__ void fetch_pages(Bf16* sm, const DecodeInputs<Bf16>& in, const Bf16* pages, int pitch,
                                            int valid_columns, int sequence, int kv_head, int first, int end) {
  constexpr int chunks = width / 8;
#pragma unroll 2
  for (int i = static_cast<int>(threadIdx.x); i < rows * chunks; i += attention_threads) {
    const int row = i / chunks, column = i % chunks * 8;
    const bool valid = first + row < end && column < valid_columns;
    const Bf16* from = valid ? pages + in.row_of(sequence, first + row, kv_head) * pitch + column : pages;
    copy16_async(sm + row * TileRows<width>::pitch + column, from, valid);
  }
}

template <int depth>
__device__ __forceinline__ void fetch_queries(Bf16* sm, const DecodeInputs<Bf16>& in, const RowTile& tile,
                                              int kv_head) {
  const int group = in.q_heads / in.kv_heads;
  const int64_t first_token = in.cu_seqlens[tile.sequence];
  for (int i = static_cast<int>(threadIdx.x); i < tile_rows * (depth / 8); i += attention_threads) {
    const int row = i / (depth / 8), column = i % (depth / 8) * 8, at = tile.begin + row;
    const bool valid = at < tile.rows && column < in.head_dim;
    const int64_t q_row = (first_token + at / group) * in.q_heads + kv_head * group + at % group;
    copy16_async(sm + row * TileRows<depth>::pitch + column, valid ? in.q + q_row * in.head_dim + column : in.q, valid);
  }
}

// Eight threads turn the scores of a row into probabilities, step by step.
constexpr int sharing = attention_threads / tile_rows;
struct RowSoftmax {
  int row, part, query;                 // of the tile, of the row, position in the sequence
  float greatest = -INFINITY, sum = 0;  // sum: of this thread's keys only

  // p [keys] of the row from its scores s; `first` is the first key's position, those outside of range are not seen.
  // Returns the factor by which all before shrinks.
  template <int keys>
  __device__ float step(const float* s, Bf16* p, const Mask& mask, int first, const Range& range) {
    constexpr int per_thread = keys / sharing;
    float z[per_thread], next = greatest;
#pragma unroll
    for (int i = 0; i < per_thread; ++i) {
      const int key = first + part + i * sharing;
      const bool seen = key >= range.begin && key < range.end && mask.visible(query, key);
      z[i] = seen ? s[part + i * sharing] : -INFINITY;
      next = fmaxf(next, z[i]);
    }
#pragma unroll
    for (int lanes = sharing / 2; lanes > 0; lanes /= 2) next = fmaxf(next, __shfl_xor_sync(~0u, next, lanes));
    // Where nothing was seen yet: no difference of infinities.
    const float base = next == -INFINITY ? 0 : next, shrink = expf(greatest - base);
    sum *= shrink;
#pragma unroll
    for (int i = 0; i < per_thread; ++i) {
      const float probability = expf(z[i] - base);
      sum += probability;
      store(p + part + i * sharing, probability);
    }
    greatest = next;
    return shrink;
  }
};

// One step's share of a warp: sums of its columns of v shrink by `shrink` [rows] and gain p v.
template <int keys, int columns, int width>
__device__ __forceinline__ void add_values(Piece<columns>& sums, const float* shrink, const Bf16* p, const Bf16* v,
                                           int column0) {
#pragma unroll
  for (int j = 0; j < columns / 8; ++j) {
#pragma unroll
    for (int e = 0; e < 4; ++e) sums[j][e] *= shrink[piece_row(e)];
  }
#pragma unroll
  for (int k = 0; k < keys; k += 16) {
    std::uint32_t left[4];
    load_a<keys, false>(left, p, 0, k);
#pragma unroll
    for (int j = 0; j < columns / 8; j += 2) {
      std::uint32_t first[2], second[2];
      load_b<width, true>(first, second, v, column0 + j * 8, k);
      mma(sums[j], left, first);
      mma(sums[j + 1], left, second);
    }
  }
}

template <int columns>
__device__ __forceinline__ void write_results(const DecodeInputs<Bf16>& in, const RowTile& tile, int kv_head, int split,
                                              const RowSoftmax& own, float sum, const Piece<columns>& sums) {
  const int group = in.q_heads / in.kv_heads, column0 = static_cast<int>(threadIdx.x) / warp * columns;
  const int64_t first_token = in.cu_seqlens[tile.sequence];
  const auto result_row = [&](int row) {
    return in.result_row(split, first_token + row / group, kv_head * group + row % group);
  };
  if (own.part == 0 && tile.begin + own.row < tile.rows) {
    const int64_t row = result_row(tile.begin + own.row);
    in.results.greatest[row] = own.greatest, in.results.sum[row] = sum;
  }
#pragma unroll
  for (int j = 0; j < columns / 8; ++j) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int row = tile.begin + piece_row(e), column = column0 + piece_column(j, e);
      if (row < tile.rows && column < in.v_dim) in.results.o[result_row(row) * in.v_dim + column] = sums[j][e];
    }
  }
}

template <int depth, int width, bool latent>
__global__ void __launch_bounds__(attention_threads, 1) decode_tiles(DecodeInputs<Bf16> in) {
  using M = Memory<depth, width, latent>;
  constexpr int keys = M::keys, columns = width / attention_warps;  // of v, a warp
  HEARTH_DYNAMIC_SHARED(Bf16, sm_q);
  Bf16 *const sm_kv = sm_q + M::q, *const sm_p = sm_kv + 2 * (M::k + M::v);
  float* const sm_s = reinterpret_cast<float*>(sm_p + M::p);
  float* const sm_shrink = sm_s + tile_rows * M::score_pitch;
  RowTile tile{};
  if (!find_row_tile(in, blockIdx.x, tile)) return;
  const int kv_head = static_cast<int>(blockIdx.y), split = static_cast<int>(blockIdx.z);
  const int group = in.q_heads / in.kv_heads, length = in.lengths[tile.sequence];
  if (split * in.split_keys >= length) return;  // nobody asks for it
  const int first_query = in.position_of(tile.sequence, in.cu_seqlens[tile.sequence]);
  const int last_row = (tile.begin + tile_rows < tile.rows ? tile.begin + tile_rows : tile.rows) - 1;
  const Range range = in.keys_of(split, first_query + tile.begin / group, first_query + last_row / group, length);
  const int begin = range.begin / keys * keys;  // steps count from the sequence's start
  const auto fetch = [&](int key, int stage) {
    Bf16* const k = sm_kv + stage * (M::k + M::v);
    fetch_pages<keys, depth>(k, in, in.k_pages, in.head_dim, in.head_dim, tile.sequence, kv_head, key, range.end);
    if constexpr (!latent)
      fetch_pages<keys, width>(k + M::k, in, in.v_pages, in.v_pitch, in.v_dim, tile.sequence, kv_head, key, range.end);
  };
  fetch_queries<depth>(sm_q, in, tile, kv_head);
  if (begin < range.end) fetch(begin, 0);
  commit_copies();

  const int in_block = static_cast<int>(threadIdx.x) / warp, own_row = static_cast<int>(threadIdx.x) / sharing;
  RowSoftmax own{own_row, static_cast<int>(threadIdx.x) % sharing, first_query + (tile.begin + own_row) / group};
  Piece<columns> sums = {};
  int stage = 0;
#pragma unroll 1
  for (int key = begin; key < range.end; key += keys, stage ^= 1) {
    if (key + keys < range.end) fetch(key + keys, stage ^ 1);
    commit_copies();
    wait_copies<1>();
    __syncthreads();
    const Bf16* const k = sm_kv + stage * (M::k + M::v);
    if (in_block < keys / 16) {
      Piece<16> s;
      product_of_tiles<16, depth>(s, sm_q, 0, k + in_block * 16 * TileRows<depth>::pitch);
#pragma unroll
      for (int j = 0; j < 2; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e)
          sm_s[piece_row(e) * M::score_pitch + in_block * 16 + piece_column(j, e)] = in.capped(in.scale * s[j][e]);
      }
    }
    __syncthreads();
    const float shrink = own.template step<keys>(sm_s + own.row * M::score_pitch,
                                                 sm_p + own.row * TileRows<keys>::pitch, in.mask, key, range);
    if (own.part == 0) sm_shrink[own.row] = shrink;
    __syncthreads();
    add_values<keys, columns, latent ? depth : width>(sums, sm_shrink, sm_p, latent ? k : k + M::k, in_block * columns);
    __syncthreads();  // the stage, the scores and the probabilities are free
  }
  wait_copies<0>();
  float sum = own.sum;
#pragma unroll
  for (int lanes = sharing / 2; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(~0u, sum, lanes);
  write_results<columns>(in, tile, kv_head, split, own, sum, sums);
}

template <int depth, int width, bool latent>
void run(Stream& stream, const DecodeInputs<Bf16>& in) {
  const auto tiles = static_cast<unsigned>(in.tokens * (in.q_heads / in.kv_heads) / tile_rows + in.n_sequences);
  launch(stream, decode_tiles<depth, width, latent>,
         {dim3(tiles, static_cast<unsigned>(in.kv_heads), static_cast<unsigned>(in.n_splits)), attention_threads,
          Memory<depth, width, latent>::bytes},
         in);
}

}  // namespace

bool decode_fast(Stream& stream, const AttentionDecodeArgs& args, const DecodeInputs<Bf16>& in) {
  if (!in_eights(in.head_dim, args.q, args.k_pages) || !in_eights(in.v_dim, args.v_pages)) return false;
  if (!args.v_pages) {
    if (in.head_dim > 576 || in.v_dim > 512) return false;
    run<576, 512, true>(stream, in);
  } else if (in.head_dim <= 64 && in.v_dim <= 64) {
    run<64, 64, false>(stream, in);
  } else if (in.head_dim <= 128 && in.v_dim <= 128) {
    run<128, 128, false>(stream, in);
  } else if (in.head_dim <= 192 && in.v_dim <= 128) {
    run<192, 128, false>(stream, in);
  } else if (in.head_dim <= 256 && in.v_dim <= 256) {
    run<256, 256, false>(stream, in);
  } else {
    return false;
  }
  return true;
}

}  // namespace hearth::kernels::cuda
