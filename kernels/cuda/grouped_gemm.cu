// SPDX-License-Identifier: Apache-2.0
// The experts' products on tensor cores: persistent blocks walk the tiles of all experts, which they find from the
// offsets on the device; 128 x 128 results by eight warps (each 64 x 32), slices of 32 of k in three stages.
#include "kernels/backend.h"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/tile_memory.cuh"

namespace hearth::kernels::cuda {
namespace {

constexpr int tile = 128, slice = 32, stages = 3, threads = 256;
constexpr int warp_rows = 64, warp_columns = 32;

enum class Kind { forward, input, weight };

// What the tiles are of. forward: y [rows, n] = a [rows, k] b[e] [n, k]^T; input: b[e] is [k, n];
// weight: y[e] [m, n] += a^T b, a [rows, m], b [rows, n].
template <class Y>
struct Problem {
  const Bf16 *a, *b;
  Y* y;
  const int* offsets;
  int64_t experts, m, n, k;  // m: weight only; k: not in weight
};

template <Kind kind>
struct Layout {
  // Tiles in shared memory as they lie in global memory.
  static constexpr bool a_transposed = kind == Kind::weight, b_transposed = kind != Kind::forward;
  static constexpr int a_rows = a_transposed ? slice : tile, a_width = a_transposed ? tile : slice;
  static constexpr int b_rows = b_transposed ? slice : tile, b_width = b_transposed ? tile : slice;
  static constexpr int a_elements = TileRows<a_width>::elements(a_rows);
  static constexpr int b_elements = TileRows<b_width>::elements(b_rows);
  static constexpr std::size_t shared_bytes = stages * (a_elements + b_elements) * sizeof(Bf16);
};

// One tile: its expert, and where in the expert's result it lies.
struct Where {
  int64_t expert, row0, column0, begin, count;  // begin, count: the expert's rows
};

// The tile of that number, counted over all experts; false behind the last.
template <Kind kind, class Y>
__device__ bool find_tile(const Problem<Y>& p, int64_t number, Where& where) {
  const int64_t columns = ceil_div(p.n, tile);
  for (int64_t e = 0; e < p.experts; ++e) {
    const int64_t begin = p.offsets[e], count = p.offsets[e + 1] - begin;
    const int64_t n_tiles = count > 0 ? ceil_div(kind == Kind::weight ? p.m : count, tile) * columns : 0;
    if (number < n_tiles) {
      where = {e, number / columns * tile, number % columns * tile, begin, count};
      return true;
    }
    number -= n_tiles;
  }
  return false;
}

template <Kind kind, bool aligned, class Y>
__device__ __forceinline__ void fetch(const Problem<Y>& p, const Where& at, Bf16* sm, int64_t k0) {
  using L = Layout<kind>;
  Bf16* sm_b = sm + L::a_elements;
  if constexpr (kind == Kind::weight) {
    fetch_tile<L::a_rows, L::a_width, threads, aligned>(sm, p.a + (at.begin + k0) * p.m + at.row0, p.m, at.count - k0,
                                                        p.m - at.row0);
    fetch_tile<L::b_rows, L::b_width, threads, aligned>(sm_b, p.b + (at.begin + k0) * p.n + at.column0, p.n,
                                                        at.count - k0, p.n - at.column0);
  } else {
    fetch_tile<L::a_rows, L::a_width, threads, aligned>(sm, p.a + (at.begin + at.row0) * p.k + k0, p.k,
                                                        at.count - at.row0, p.k - k0);
    const Bf16* b = p.b + at.expert * p.n * p.k;
    if constexpr (kind == Kind::forward)
      fetch_tile<L::b_rows, L::b_width, threads, aligned>(sm_b, b + at.column0 * p.k + k0, p.k, p.n - at.column0,
                                                          p.k - k0);
    else
      fetch_tile<L::b_rows, L::b_width, threads, aligned>(sm_b, b + k0 * p.n + at.column0, p.n, p.k - k0,
                                                          p.n - at.column0);
  }
}

using Sums = float[warp_rows / 16][warp_columns / 8][4];

template <Kind kind>
__device__ __forceinline__ void multiply_slice(Sums& sums, const Bf16* sm) {
  using L = Layout<kind>;
  const int in_block = static_cast<int>(threadIdx.x) / warp;
  const int row = in_block / 4 * warp_rows, column = in_block % 4 * warp_columns;
#pragma unroll
  for (int k = 0; k < slice; k += 16) {
    std::uint32_t b[warp_columns / 8][2];
#pragma unroll
    for (int j = 0; j < warp_columns / 8; j += 2)
      load_b<L::b_width, L::b_transposed>(b[j], b[j + 1], sm + L::a_elements, column + j * 8, k);
#pragma unroll
    for (int i = 0; i < warp_rows / 16; ++i) {
      std::uint32_t a[4];
      load_a<L::a_width, L::a_transposed>(a, sm, row + i * 16, k);
#pragma unroll
      for (int j = 0; j < warp_columns / 8; ++j) mma(sums[i][j], a, b[j]);
    }
  }
}

template <Kind kind, class Y>
__device__ __forceinline__ void write_tile(const Problem<Y>& p, const Where& at, const Sums& sums) {
  const int lane = static_cast<int>(threadIdx.x) % warp, in_block = static_cast<int>(threadIdx.x) / warp;
  const int64_t rows = kind == Kind::weight ? p.m : at.count;
  Y* y = p.y + (kind == Kind::weight ? at.expert * p.m : at.begin) * p.n;
#pragma unroll
  for (int i = 0; i < warp_rows / 16; ++i) {
#pragma unroll
    for (int j = 0; j < warp_columns / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int64_t row = at.row0 + in_block / 4 * warp_rows + i * 16 + lane / 4 + e / 2 * 8;
        const int64_t column = at.column0 + in_block % 4 * warp_columns + j * 8 + lane % 4 * 2 + e % 2;
        if (row >= rows || column >= p.n) continue;
        Y* to = y + row * p.n + column;
        store(to, sums[i][j][e] + (kind == Kind::weight ? to_float(*to) : 0.0f));
      }
    }
  }
}

template <Kind kind, bool aligned, class Y>
__global__ void __launch_bounds__(threads, 1) grouped_kernel(Problem<Y> p) {
  using L = Layout<kind>;
  constexpr int stage_elements = L::a_elements + L::b_elements;
  HEARTH_DYNAMIC_SHARED(Bf16, sm);
  Where at{};
  for (int64_t number = blockIdx.x; find_tile<kind>(p, number, at); number += gridDim.x) {
    const int n_slices = static_cast<int>(ceil_div(kind == Kind::weight ? at.count : p.k, slice));
    Sums sums = {};
#pragma unroll 1
    for (int s = 0; s < stages - 1; ++s) {
      if (s < n_slices) fetch<kind, aligned>(p, at, sm + s * stage_elements, static_cast<int64_t>(s) * slice);
      commit_copies();
    }
#pragma unroll 1
    for (int s = 0; s < n_slices; ++s) {
      wait_copies<stages - 2>();
      __syncthreads();  // slice s is there for all, and slice s - 1 is no longer read
      const int next = s + stages - 1;
      if (next < n_slices)
        fetch<kind, aligned>(p, at, sm + next % stages * stage_elements, static_cast<int64_t>(next) * slice);
      commit_copies();
      multiply_slice<kind>(sums, sm + s % stages * stage_elements);
    }
    wait_copies<0>();
    __syncthreads();
    write_tile<kind>(p, at, sums);
  }
}

template <Kind kind, class Y>
void run(Stream& stream, const Problem<Y>& p, int64_t rows, bool aligned) {
  const int64_t columns = ceil_div(p.n, tile);
  const int64_t most =
      kind == Kind::weight ? p.experts * ceil_div(p.m, tile) * columns : (ceil_div(rows, tile) + p.experts) * columns;
  const Shape3 shape{static_cast<unsigned>(std::min<int64_t>(most, 2 * stream.state<State>().n_processors())), threads,
                     Layout<kind>::shared_bytes};
  if (aligned)
    launch(stream, grouped_kernel<kind, true, Y>, shape, p);
  else
    launch(stream, grouped_kernel<kind, false, Y>, shape, p);
}

bool both_bf16(const Tensor& a, const Tensor& b) {
  return a.dtype == DType::bf16 && b.dtype == DType::bf16;
}

}  // namespace

void grouped_gemm(Stream& stream, const GroupedGemmArgs& args) {
  if (!both_bf16(args.x, args.weight)) return grouped_tiles(stream, args);
  const int64_t out = args.weight.shape[1], in = args.weight.shape[2];
  with_type(args.y.dtype, [&](auto type) {
    using Y = decltype(type);
    const Problem<Y> p{data<const Bf16>(args.x),
                       data<const Bf16>(args.weight),
                       data<Y>(args.y),
                       data<const int>(args.offsets),
                       args.weight.shape[0],
                       0,
                       out,
                       in};
    run<Kind::forward>(stream, p, args.x.shape[0], in_eights(in, args.x, args.weight));
  });
}

void grouped_gemm_input_gradient(Stream& stream, const GroupedGemmInputGradientArgs& args) {
  if (!both_bf16(args.dy, args.weight)) return grouped_tiles(stream, args);
  const int64_t out = args.weight.shape[1], in = args.weight.shape[2];
  with_type(args.dx.dtype, [&](auto type) {
    using Y = decltype(type);
    const Problem<Y> p{data<const Bf16>(args.dy),
                       data<const Bf16>(args.weight),
                       data<Y>(args.dx),
                       data<const int>(args.offsets),
                       args.weight.shape[0],
                       0,
                       in,
                       out};
    run<Kind::input>(stream, p, args.dy.shape[0], in_eights(in, args.weight) && in_eights(out, args.dy));
  });
}

void grouped_gemm_weight_gradient(Stream& stream, const GroupedGemmWeightGradientArgs& args) {
  if (!both_bf16(args.dy, args.x)) return grouped_tiles(stream, args);
  const int64_t out = args.dweight.shape[1], in = args.dweight.shape[2];
  const Problem<float> p{data<const Bf16>(args.dy),
                         data<const Bf16>(args.x),
                         data<float>(args.dweight),
                         data<const int>(args.offsets),
                         args.dweight.shape[0],
                         out,
                         in,
                         0};
  run<Kind::weight>(stream, p, args.dy.shape[0], in_eights(out, args.dy) && in_eights(in, args.x));
}

}  // namespace hearth::kernels::cuda
