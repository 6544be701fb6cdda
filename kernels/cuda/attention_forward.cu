// SPDX-License-Identifier: Apache-2.0
// Attention of bf16 on tensor cores (Dao 2023): a block takes 64 queries of one sequence and head and goes through the
// keys they see, a block of them at a time, with running maximum and sum; the next block's copies run meanwhile.
#include "kernels/cuda/attention_fast.h"
#include "kernels/cuda/attention_tiles.cuh"

namespace hearth::kernels::cuda {
namespace {

// Keys a block: what fits into shared memory twice.
template <int depth>
constexpr int key_rows = depth > 192 ? 32 : 64;

template <int depth, int width>
struct Memory {
  static constexpr int q = TileRows<depth>::elements(attention_rows);
  static constexpr int k = TileRows<depth>::elements(key_rows<depth>);
  static constexpr int v = TileRows<width>::elements(key_rows<depth>);
  static constexpr std::size_t bytes = (q + 2 * (k + v)) * sizeof(Bf16);
};

struct RunningSoftmax {
  float greatest[2], sum[2];  // of this lane's two rows; sum: of this lane's columns only
};

// Scores to probabilities (in place), with the factors by which all before shrinks.
template <int columns>
__device__ __forceinline__ void update_softmax(Piece<columns>& s, RunningSoftmax& running, float (&shrink)[2]) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float greatest = running.greatest[h];
#pragma unroll
    for (int j = 0; j < columns / 8; ++j) greatest = fmaxf(greatest, fmaxf(s[j][2 * h], s[j][2 * h + 1]));
    greatest = fmaxf(greatest, __shfl_xor_sync(~0u, greatest, 1));
    greatest = fmaxf(greatest, __shfl_xor_sync(~0u, greatest, 2));
    // Where nothing was seen yet: no difference of infinities.
    const float base = greatest == -INFINITY ? 0 : greatest * log2_e;
    shrink[h] = exp2f(running.greatest[h] * log2_e - base);
    float sum = 0;
#pragma unroll
    for (int j = 0; j < columns / 8; ++j) {
#pragma unroll
      for (int e = 2 * h; e < 2 * h + 2; ++e) {
        s[j][e] = exp2f(s[j][e] * log2_e - base);
        sum += s[j][e];
      }
    }
    running.greatest[h] = greatest;
    running.sum[h] = running.sum[h] * shrink[h] + sum;
  }
}

template <int depth, int width>
__global__ void __launch_bounds__(attention_threads, 1)
    attention_forward(AttentionInputs<Bf16> in, Bf16* o, float* lse) {
  constexpr int keys = key_rows<depth>;
  using M = Memory<depth, width>;
  HEARTH_DYNAMIC_SHARED(Bf16, sm_q);
  Bf16* const sm_kv = sm_q + M::q;
  SequenceTile tile;
  if (!find_sequence_tile(in.cu_seqlens, in.n_sequences, static_cast<int>(blockIdx.x), tile)) return;
  const int head = static_cast<int>(blockIdx.y), kv_head = in.kv_head_of(head);
  const auto run = in.run_of(tile.sequence);
  const int first = run.first + tile.begin;  // positions of the tile's queries
  const int last =
      run.first + (tile.begin + attention_rows < tile.length ? tile.begin + attention_rows : tile.length) - 1;
  Range range = run.mask.keys(first, last, run.n_keys);
  range.begin = range.begin / keys * keys;  // blocks count from the first key
  const auto fetch = [&](int key, int stage) {
    Bf16* k = sm_kv + stage * (M::k + M::v);
    fetch_tile<keys, depth, attention_threads, true>(k, in.k_row(run.key_start + key, kv_head),
                                                     int64_t{in.kv_heads} * in.head_dim, run.n_keys - key, in.head_dim);
    fetch_tile<keys, width, attention_threads, true>(k + M::k, in.v_row(run.key_start + key, kv_head),
                                                     int64_t{in.kv_heads} * in.v_dim, run.n_keys - key, in.v_dim);
  };
  fetch_tile<attention_rows, depth, attention_threads, true>(sm_q, in.q_row(run.start + tile.begin, head),
                                                             int64_t{in.q_heads} * in.head_dim,
                                                             tile.length - tile.begin, in.head_dim);
  if (range.begin < range.end) fetch(range.begin, 0);
  commit_copies();

  const int lane = static_cast<int>(threadIdx.x) % warp, row = static_cast<int>(threadIdx.x) / warp * 16;
  const float sink = in.sinks != nullptr ? in.sinks[head] : -INFINITY;
  const float first_sum = in.sinks != nullptr && lane % 4 == 0 ? 1.0f : 0.0f;
  RunningSoftmax running{{sink, sink}, {first_sum, first_sum}};
  Piece<width> sums = {};
  int stage = 0;
#pragma unroll 1
  for (int key = range.begin; key < range.end; key += keys, stage ^= 1) {
    if (key + keys < range.end) fetch(key + keys, stage ^ 1);
    commit_copies();
    wait_copies<1>();
    __syncthreads();
    const Bf16* k = sm_kv + stage * (M::k + M::v);
    Piece<keys> s;
    product_of_tiles<keys, depth>(s, sm_q, row, k);
    const bool full = key + keys <= run.n_keys && all_visible(run.mask, first, last + 1, key, key + keys);
#pragma unroll
    for (int j = 0; j < keys / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        s[j][e] = in.capped(in.scale * s[j][e]);
        const int query = first + row + piece_row(e), other = key + piece_column(j, e);
        if (!full && (other >= run.n_keys || !run.mask.visible(query, other))) s[j][e] = -INFINITY;
      }
    }
    float shrink[2];
    update_softmax<keys>(s, running, shrink);
#pragma unroll
    for (int j = 0; j < width / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) sums[j][e] *= shrink[e / 2];
    }
    add_product<width, keys, width>(sums, s, k + M::k, 0);
    __syncthreads();  // the stage is free for the copy after next
  }
  wait_copies<0>();

  float factor[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float sum = running.sum[h];
    sum += __shfl_xor_sync(~0u, sum, 1);
    sum += __shfl_xor_sync(~0u, sum, 2);
    factor[h] = sum == 0 ? 0 : 1 / sum;
    const int query = tile.begin + row + piece_row(2 * h);
    if (lane % 4 == 0 && query < tile.length) {
      lse[head * in.tokens + run.start + query] = sum == 0 ? -INFINITY : running.greatest[h] + logf(sum);
    }
  }
  write_piece<width>(o + (run.start * in.q_heads + head) * in.v_dim, int64_t{in.q_heads} * in.v_dim, sums,
                     tile.begin + row, tile.length, 0, in.v_dim, factor);
}

}  // namespace

bool attention_fast(Stream& stream, const AttentionArgs& args) {
  const AttentionInputs<Bf16> in(args);
  return by_head_size(args.q, args.k, args.v, [&](auto depth, auto width) {
    launch(stream, attention_forward<depth, width>,
           {dim3(most_sequence_tiles(in.tokens, in.n_sequences), static_cast<unsigned>(in.q_heads)), attention_threads,
            Memory<depth, width>::bytes},
           in, data<Bf16>(args.o), data<float>(args.lse));
  });
}

}  // namespace hearth::kernels::cuda
