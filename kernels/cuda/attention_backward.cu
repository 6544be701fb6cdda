// SPDX-License-Identifier: Apache-2.0
// The gradients of attention on tensor cores, deterministic and without memory of the scores: one kernel takes a tile
// of queries through its keys for dq, another a tile of keys through its queries for dk and dv. The scores are computed
// in both, seven products instead of five, for which nothing is added up across blocks.
#include "kernels/cuda/attention_fast.h"
#include "kernels/cuda/attention_tiles.cuh"
#include "kernels/cuda/columns.cuh"
#include "kernels/cuda/rows.cuh"

namespace hearth::kernels::cuda {
namespace {

// Keys, and queries, a step: as many as registers hold beside the sums.
template <int depth>
constexpr int step_keys = depth > 128 ? 32 : 64;
template <int depth>
constexpr int step_queries = depth > 64 ? 32 : 64;

struct Gradients {
  const Bf16* d_o;
  const float *lse, *d;  // [q_heads, tokens]
  Bf16 *dq, *dk, *dv;
};

// d[h, t] = d_o . o, a warp a row.
struct RowDots {
  const Bf16 *o, *d_o;
  float* d;
  int64_t tokens, q_heads, v_dim;
  __device__ void operator()(int64_t row, float*) const {
    float sum = 0;
    for (int64_t i = RowGroup<warp>::lane(); i < v_dim; i += warp)
      sum += to_float(o[row * v_dim + i]) * to_float(d_o[row * v_dim + i]);
    sum = warp_sum(sum);
    if (RowGroup<warp>::lane() == 0) d[row % q_heads * tokens + row / q_heads] = sum;
  }
};

// From a score and d_o . v to p and dz (in place).
__device__ __forceinline__ void to_gradient(const AttentionInputs<Bf16>& in, float& s, float& dp, float lse, float d,
                                            bool visible) {
  const float z = in.capped(in.scale * s);
  const float p = visible && lse != -INFINITY ? exp2f((z - lse) * log2_e) : 0.0f;
  dp = p == 0 ? 0 : p * (dp - d) * (in.softcap > 0 ? cap_slope(z, in.softcap) : 1.0f);
  s = p;
}

template <int depth, int width, int step_rows>
struct Memory {
  static constexpr int own_a = TileRows<depth>::elements(attention_rows);  // q, or k
  static constexpr int own_b = TileRows<width>::elements(attention_rows);  // d_o, or v
  static constexpr int step_a = TileRows<depth>::elements(step_rows);
  static constexpr int step_b = TileRows<width>::elements(step_rows);
  static constexpr int stage = step_a + step_b;
  static constexpr std::size_t bytes = (own_a + own_b + 2 * stage) * sizeof(Bf16);
};

template <int depth, int width>
__global__ void __launch_bounds__(attention_threads) query_gradients(AttentionInputs<Bf16> in, Gradients g) {
  constexpr int keys = step_keys<depth>;
  using M = Memory<depth, width, keys>;
  HEARTH_DYNAMIC_SHARED(Bf16, sm_q);
  Bf16 *const sm_do = sm_q + M::own_a, *const sm_kv = sm_do + M::own_b;
  SequenceTile tile;
  if (!find_sequence_tile(in.cu_seqlens, in.n_sequences, static_cast<int>(blockIdx.x), tile)) return;
  const int head = static_cast<int>(blockIdx.y), kv_head = in.kv_head_of(head);
  const auto run = in.run_of(tile.sequence);
  const int first = run.first + tile.begin;  // positions of the tile's queries
  const int last =
      run.first + (tile.begin + attention_rows < tile.length ? tile.begin + attention_rows : tile.length) - 1;
  Range range = run.mask.keys(first, last, run.n_keys);
  range.begin = range.begin / keys * keys;
  const auto fetch = [&](int key, int stage) {
    Bf16* k = sm_kv + stage * M::stage;
    fetch_tile<keys, depth, attention_threads, true>(k, in.k_row(run.key_start + key, kv_head),
                                                     int64_t{in.kv_heads} * in.head_dim, run.n_keys - key, in.head_dim);
    fetch_tile<keys, width, attention_threads, true>(k + M::step_a, in.v_row(run.key_start + key, kv_head),
                                                     int64_t{in.kv_heads} * in.v_dim, run.n_keys - key, in.v_dim);
  };
  const int64_t token = run.start + tile.begin;
  fetch_tile<attention_rows, depth, attention_threads, true>(
      sm_q, in.q_row(token, head), int64_t{in.q_heads} * in.head_dim, tile.length - tile.begin, in.head_dim);
  fetch_tile<attention_rows, width, attention_threads, true>(sm_do, g.d_o + (token * in.q_heads + head) * in.v_dim,
                                                             int64_t{in.q_heads} * in.v_dim, tile.length - tile.begin,
                                                             in.v_dim);
  if (range.begin < range.end) fetch(range.begin, 0);
  commit_copies();

  const int row = static_cast<int>(threadIdx.x) / warp * 16;
  float lse[2], d[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int query = tile.begin + row + piece_row(2 * h);
    const int64_t at = head * in.tokens + run.start + query;
    lse[h] = query < tile.length ? g.lse[at] : -INFINITY;
    d[h] = query < tile.length ? g.d[at] : 0;
  }
  Piece<depth> dq = {};
  int stage = 0;
#pragma unroll 1
  for (int key = range.begin; key < range.end; key += keys, stage ^= 1) {
    if (key + keys < range.end) fetch(key + keys, stage ^ 1);
    commit_copies();
    wait_copies<1>();
    __syncthreads();
    const Bf16* k = sm_kv + stage * M::stage;
    Piece<keys> s, dp;
    product_of_tiles<keys, depth>(s, sm_q, row, k);
    product_of_tiles<keys, width>(dp, sm_do, row, k + M::step_a);
    const bool full = key + keys <= run.n_keys && all_visible(run.mask, first, last + 1, key, key + keys);
#pragma unroll
    for (int j = 0; j < keys / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int query = first + row + piece_row(e), other = key + piece_column(j, e);
        to_gradient(in, s[j][e], dp[j][e], lse[e / 2], d[e / 2],
                    full || (other < run.n_keys && run.mask.visible(query, other)));
      }
    }
    add_product<depth, keys, depth>(dq, dp, k, 0);
    __syncthreads();
  }
  wait_copies<0>();
  const float factor[2] = {in.scale, in.scale};
  write_piece<depth>(g.dq + (run.start * in.q_heads + head) * in.head_dim, int64_t{in.q_heads} * in.head_dim, dq,
                     tile.begin + row, tile.length, 0, in.head_dim, factor);
}

// parts: blocks that share the columns of dk and dv, where all of them would not fit into registers.
template <int depth, int width, int parts>
__global__ void __launch_bounds__(attention_threads) key_gradients(AttentionInputs<Bf16> in, Gradients g) {
  constexpr int queries = step_queries<depth>, depth_part = depth / parts, width_part = width / parts;
  using M = Memory<depth, width, queries>;
  HEARTH_DYNAMIC_SHARED(Bf16, sm_k);
  HEARTH_SHARED(float, 2 * queries, sm_lse);
  HEARTH_SHARED(float, 2 * queries, sm_d);
  Bf16 *const sm_v = sm_k + M::own_a, *const sm_step = sm_v + M::own_b;
  SequenceTile tile;
  if (!find_sequence_tile(in.key_seqlens, in.n_sequences, static_cast<int>(blockIdx.x), tile)) return;
  const int kv_head = static_cast<int>(blockIdx.y), part = static_cast<int>(blockIdx.z);
  const int group = in.q_heads / in.kv_heads, thread = static_cast<int>(threadIdx.x);
  const int last = (tile.begin + attention_rows < tile.length ? tile.begin + attention_rows : tile.length) - 1;
  const auto run = in.run_of(tile.sequence);
  Range range = run.mask.queries(tile.begin, last, run.queries());
  range = {(range.begin - run.first) / queries * queries, range.end - run.first};  // counted from the first given
  const int steps_a_head = range.end > range.begin ? static_cast<int>(ceil_div(range.end - range.begin, queries)) : 0;
  const int n_steps = steps_a_head * group;
  const auto fetch = [&](int step) {
    const int head = kv_head * group + step / steps_a_head, query = range.begin + step % steps_a_head * queries;
    const int64_t first = run.start + query;
    Bf16* q = sm_step + step % 2 * M::stage;
    fetch_tile<queries, depth, attention_threads, true>(q, in.q_row(first, head), int64_t{in.q_heads} * in.head_dim,
                                                        run.n_queries - query, in.head_dim);
    fetch_tile<queries, width, attention_threads, true>(q + M::step_a, g.d_o + (first * in.q_heads + head) * in.v_dim,
                                                        int64_t{in.q_heads} * in.v_dim, run.n_queries - query,
                                                        in.v_dim);
    if (thread >= queries) return;
    const bool valid = query + thread < run.n_queries;
    sm_lse[step % 2 * queries + thread] = valid ? g.lse[head * in.tokens + first + thread] : -INFINITY;
    sm_d[step % 2 * queries + thread] = valid ? g.d[head * in.tokens + first + thread] : 0;
  };
  const int64_t first_key = run.key_start + tile.begin;
  fetch_tile<attention_rows, depth, attention_threads, true>(
      sm_k, in.k_row(first_key, kv_head), int64_t{in.kv_heads} * in.head_dim, tile.length - tile.begin, in.head_dim);
  fetch_tile<attention_rows, width, attention_threads, true>(
      sm_v, in.v_row(first_key, kv_head), int64_t{in.kv_heads} * in.v_dim, tile.length - tile.begin, in.v_dim);
  if (n_steps > 0) fetch(0);
  commit_copies();

  const int row = thread / warp * 16;
  Piece<depth_part> dk = {};
  Piece<width_part> dv = {};
#pragma unroll 1
  for (int step = 0; step < n_steps; ++step) {
    if (step + 1 < n_steps) fetch(step + 1);
    commit_copies();
    wait_copies<1>();
    __syncthreads();
    const int query = range.begin + step % steps_a_head * queries;
    const Bf16* q = sm_step + step % 2 * M::stage;
    Piece<queries> s, dp;  // rows are keys here, columns queries
    product_of_tiles<queries, depth>(s, sm_k, row, q);
    product_of_tiles<queries, width>(dp, sm_v, row, q + M::step_a);
    const int query_end = query + queries < run.n_queries ? query + queries : run.n_queries;
    const bool full = tile.begin + attention_rows <= tile.length && query + queries <= run.n_queries &&
                      all_visible(run.mask, run.first + query, run.first + query_end, tile.begin, last + 1);
#pragma unroll
    for (int j = 0; j < queries / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int key = tile.begin + row + piece_row(e), column = piece_column(j, e), other = query + column;
        to_gradient(in, s[j][e], dp[j][e], sm_lse[step % 2 * queries + column], sm_d[step % 2 * queries + column],
                    full || (key < tile.length && other < run.n_queries && run.mask.visible(run.first + other, key)));
      }
    }
    add_product<width_part, queries, width>(dv, s, q + M::step_a, part * width_part);
    add_product<depth_part, queries, depth>(dk, dp, q, part * depth_part);
    __syncthreads();
  }
  wait_copies<0>();
  const float scale[2] = {in.scale, in.scale}, one[2] = {1, 1};
  write_piece<depth_part>(g.dk + (run.key_start * in.kv_heads + kv_head) * in.head_dim,
                          int64_t{in.kv_heads} * in.head_dim, dk, tile.begin + row, tile.length, part * depth_part,
                          in.head_dim, scale);
  write_piece<width_part>(g.dv + (run.key_start * in.kv_heads + kv_head) * in.v_dim, int64_t{in.kv_heads} * in.v_dim,
                          dv, tile.begin + row, tile.length, part * width_part, in.v_dim, one);
}

}  // namespace

std::size_t attention_backward_scratch(int64_t tokens, int64_t q_heads) {
  return static_cast<std::size_t>(tokens * q_heads + column_parts_at_most(tokens, q_heads)) * sizeof(float);
}

bool attention_backward_fast(Stream& stream, const AttentionBackwardArgs& args) {
  if (reinterpret_cast<std::uintptr_t>(args.d_o.data) % 16 != 0) return false;
  const AttentionInputs<Bf16> in(args);
  return by_head_size(args.q, args.k, args.v, [&](auto depth, auto width) {
    const int64_t rows = in.tokens * in.q_heads;
    auto* d =
        reinterpret_cast<float*>(stream.state<State>().scratch(attention_backward_scratch(in.tokens, in.q_heads)));
    each_row<warp>(stream, rows,
                   RowDots{data<const Bf16>(args.o), data<const Bf16>(args.d_o), d, in.tokens, in.q_heads, in.v_dim});
    const Gradients g{data<const Bf16>(args.d_o), data<const float>(args.lse), d,
                      data<Bf16>(args.dq),        data<Bf16>(args.dk),         data<Bf16>(args.dv)};
    constexpr int parts = depth > 128 ? 2 : 1;
    const unsigned tiles = most_sequence_tiles(in.tokens, in.n_sequences);
    const unsigned key_tiles = most_sequence_tiles(in.key_tokens, in.n_sequences);
    launch(stream, query_gradients<depth, width>,
           {dim3(tiles, static_cast<unsigned>(in.q_heads)), attention_threads,
            Memory<depth, width, step_keys<depth>>::bytes},
           in, g);
    launch(stream, key_gradients<depth, width, parts>,
           {dim3(key_tiles, static_cast<unsigned>(in.kv_heads), parts), attention_threads,
            Memory<depth, width, step_queries<depth>>::bytes},
           in, g);
    if (!args.sinks) return;
    add_columns(stream, in.tokens, in.q_heads,
                SinkGradient{data<const float>(args.sinks), data<const float>(args.lse), d, in.tokens},
                data<float>(args.dsinks), d + rows);
  });
}

}  // namespace hearth::kernels::cuda
