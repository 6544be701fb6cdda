// SPDX-License-Identifier: Apache-2.0
// One block a processor walks tiles of 128 rows of y. One thread of its first warpgroup has the TMA bring slices of 64
// of k into a ring of stages; the two others each multiply 64 rows by wgmma, one group of products behind, and store
// them from their registers. The ring goes on across tiles, so that the next tile's slices come while this one is
// stored.
#include "kernels/cuda/sm90/gemm.h"

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/sm90/ptx.cuh"
#include "kernels/cuda/sm90/tensor_map.cuh"

namespace hearth::kernels::cuda::sm90 {
namespace {

constexpr int rows = 128, slice = 64, consumers = 2, threads = 128 * (1 + consumers);
constexpr int tile_rows_at_a_time = 8;  // tiles that run together share the slices of few rows and columns in L2

template <int columns>
struct Ring {
  static constexpr int stages = columns == 256 ? 4 : 6;
  static constexpr int a = rows * slice, stage = a + columns * slice;  // in elements
  static constexpr std::size_t bytes = stages * stage * sizeof(Bf16) + 2 * stages * sizeof(std::uint64_t);
};

template <class Y>
struct Problem {
  Y* y;
  int64_t m, n;
  int slices;  // of k
  float alpha;
  bool accumulate, pairs;  // pairs: two neighbouring elements of y may be stored at once
};

struct Tile {
  int64_t row, column;
};
// Of m_tiles x n_tiles, eight rows of tiles after another, column by column.
__device__ __forceinline__ Tile tile_of(int64_t number, int64_t m_tiles, int64_t n_tiles) {
  const int64_t band = number / (tile_rows_at_a_time * n_tiles), first = band * tile_rows_at_a_time;
  const int64_t high = m_tiles - first < tile_rows_at_a_time ? m_tiles - first : tile_rows_at_a_time;
  const int64_t within = number - first * n_tiles;
  return {first + within % high, within / high};
}

// Where in the ring a slice lies, and which time around.
struct Turn {
  int stage = 0;
  std::uint32_t parity = 0;
  template <int stages>
  __device__ void next() {
    if (++stage < stages) return;
    stage = 0;
    parity ^= 1;
  }
};

__device__ __forceinline__ void store_pair(float* at, float a, float b) {
  *reinterpret_cast<float2*>(at) = make_float2(a, b);
}
__device__ __forceinline__ void store_pair(Bf16* at, float a, float b) {
  *reinterpret_cast<std::uint32_t*>(at) = pack(a, b);
}

// This thread's sums of the 64 rows from `row` on.
template <int columns, class Y>
__device__ __forceinline__ void store_sums(const Problem<Y>& p, const float (&sums)[columns / 2], int64_t row,
                                           int64_t column) {
  const int lane = static_cast<int>(threadIdx.x) % warp;
  row += static_cast<int>(threadIdx.x) / warp % 4 * 16 + lane / 4;
  column += lane % 4 * 2;
#pragma unroll
  for (int i = 0; i < columns / 2; i += 2) {
    const int64_t r = row + i / 2 % 2 * 8, c = column + i / 4 * 8;
    if (r >= p.m || c >= p.n) continue;
    Y* const at = p.y + r * p.n + c;
    const bool both = c + 1 < p.n;
    float first = p.alpha * sums[i], second = p.alpha * sums[i + 1];
    if (p.accumulate) {
      first += to_float(at[0]);
      if (both) second += to_float(at[1]);
    }
    if (p.pairs && both) {
      store_pair(at, first, second);
    } else {
      store(at, first);
      if (both) store(at + 1, second);
    }
  }
}

template <int columns, class Y>
__global__ void __launch_bounds__(threads, 1)
    gemm_kernel(const __grid_constant__ CUtensorMap a, const __grid_constant__ CUtensorMap b, Problem<Y> p) {
  using R = Ring<columns>;
  HEARTH_DYNAMIC_SHARED(Bf16, ring);
  auto* const full = reinterpret_cast<std::uint64_t*>(ring + R::stages * R::stage);
  std::uint64_t* const empty = full + R::stages;
  const int thread = static_cast<int>(threadIdx.x), group = thread / 128;
  if (thread == 0) {
    for (int i = 0; i < R::stages; ++i) {
      barrier_init(full + i, 1);
      barrier_init(empty + i, consumers * 4);  // a warp each
    }
    barriers_are_initialised();
  }
  __syncthreads();
  const int64_t m_tiles = ceil_div(p.m, rows), n_tiles = ceil_div(p.n, columns), n = m_tiles * n_tiles;
  Turn turn;
  if (group == 0) {
    give_registers<40>();
    if (thread != 0) return;
    for (int64_t number = blockIdx.x; number < n; number += gridDim.x) {
      const Tile tile = tile_of(number, m_tiles, n_tiles);
      for (int s = 0; s < p.slices; ++s) {
        wait(empty + turn.stage, turn.parity ^ 1);
        Bf16* const at = ring + turn.stage * R::stage;
        arrive_expecting(full + turn.stage, R::stage * sizeof(Bf16));
        load_tile(at, &a, full + turn.stage, s * slice, static_cast<int>(tile.row * rows));
        load_tile(at + R::a, &b, full + turn.stage, s * slice, static_cast<int>(tile.column * columns));
        turn.template next<R::stages>();
      }
    }
    return;
  }
  take_registers<232>();
  const int own = (group - 1) * 64;  // rows of the tile
  for (int64_t number = blockIdx.x; number < n; number += gridDim.x) {
    const Tile tile = tile_of(number, m_tiles, n_tiles);
    float sums[columns / 2];
    int last = 0;
#pragma unroll 1
    for (int s = 0; s < p.slices; ++s) {
      wait(full + turn.stage, turn.parity);
      const Bf16* const at = ring + turn.stage * R::stage;
      fence_products();
#pragma unroll
      for (int k = 0; k < slice; k += 16)
        product(sums, operand(at + own * slice + k), operand(at + R::a + k), s + k > 0);
      commit_products();
      wait_products<1>();
      if (s > 0 && thread % warp == 0) arrive(empty + last);  // the slice before is read
      last = turn.stage;
      turn.template next<R::stages>();
    }
    wait_products<0>();
    if (thread % warp == 0) arrive(empty + last);
    store_sums<columns>(p, sums, tile.row * rows + own, tile.column * columns);
  }
}

template <int columns, class Y>
void run(Stream& stream, const GemmArgs& args, int64_t m, int64_t n, int64_t k) {
  const CUtensorMap a = tensor_map(args.a, rows), b = tensor_map(args.b, columns);
  const bool pairs = n % 2 == 0 && reinterpret_cast<std::uintptr_t>(args.y.data) % (2 * sizeof(Y)) == 0;
  const Problem<Y> p{data<Y>(args.y), m, n, static_cast<int>(ceil_div(k, slice)), args.alpha, args.accumulate, pairs};
  const int64_t tiles = ceil_div(m, rows) * ceil_div(n, columns);
  const auto blocks = static_cast<unsigned>(std::min<int64_t>(tiles, stream.state<State>().n_processors()));
  launch(stream, gemm_kernel<columns, Y>, {blocks, threads, Ring<columns>::bytes}, a, b, p);
}

}  // namespace

bool gemm(Stream& stream, const GemmArgs& args) {
  const int64_t m = args.y.shape[0], n = args.y.shape[1], k = args.a.shape[1];
  if (args.transpose_a || !args.transpose_b || args.a.dtype != DType::bf16 || args.b.dtype != DType::bf16) return false;
  if (!in_eights(k, args.a, args.b) || n < 64 || k < slice) return false;
  if (!on_hopper()) return false;
  with_type(args.y.dtype, [&](auto type) {
    using Y = decltype(type);
    n % 256 == 0 ? run<256, Y>(stream, args, m, n, k) : run<128, Y>(stream, args, m, n, k);
  });
  return true;
}

}  // namespace hearth::kernels::cuda::sm90
