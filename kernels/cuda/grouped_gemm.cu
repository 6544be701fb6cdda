// SPDX-License-Identifier: Apache-2.0
// The experts' products on tensor cores: persistent blocks walk the tiles of all experts, which they find from the
// offsets on the device; 128 x 128 results by eight warps (each 64 x 32), slices of 32 of k in three stages. Rows are
// gathered as they are copied into shared memory, and a glu or its gradient is taken where the sums still lie in
// registers: a tile of gates and ups holds 64 columns of each, eight by eight in turn, so that a thread has both.
#include "kernels/cuda/glu.cuh"
#include "kernels/cuda/grouped_blas.h"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/tile_memory.cuh"

namespace hearth::kernels::cuda {
namespace {

constexpr int tile = 128, slice = 32, stages = 3, threads = 256;
constexpr int warp_rows = 64, warp_columns = 32;

enum class Kind { forward, forward_glu, input, input_glu, weight };
constexpr bool is_forward(Kind kind) {
  return kind == Kind::forward || kind == Kind::forward_glu;
}
// Columns of the result that a tile spans; with forward_glu those of the activated rows.
constexpr int tile_columns(Kind kind) {
  return kind == Kind::forward_glu ? tile / 2 : tile;
}

// What the tiles are of. forward: y [rows, n] = a [rows, k] b[e] [n, k]^T; input: b[e] is [k, n];
// weight: y[e] [m, n] += a^T b, a [rows, m], b [rows, n].
template <class Y>
struct Problem {
  const Bf16 *a, *b;
  Y* y;
  const int* offsets;
  int64_t experts, m, n, k;        // m: weight only; k: not in weight; with forward_glu y has 2 * n columns
  const int *gather_a, *gather_b;  // or none; b: weight only
  const float* row_weight = nullptr;
  Y* activated = nullptr;
  const Y* gate_up = nullptr;  // with input_glu, where y is the gradient of it
  float* dots = nullptr;       // [columns / 32, rows]: parts of d_row_weight
  int64_t rows = 0;
};

template <Kind kind>
struct Layout {
  // Tiles in shared memory as they lie in global memory.
  static constexpr bool a_transposed = kind == Kind::weight, b_transposed = !is_forward(kind);
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

// Goes through the tiles of all experts in order; numbers only grow.
template <Kind kind, class Y>
class TileWalk {
 public:
  __device__ explicit TileWalk(const Problem<Y>& p) : p_(p) {}
  // The tile of that number; false behind the last.
  __device__ bool find(int64_t number, Where& where) {
    const int64_t columns = ceil_div(p_.n, tile_columns(kind));
    for (; expert_ < p_.experts; ++expert_) {
      const int64_t begin = p_.offsets[expert_], count = p_.offsets[expert_ + 1] - begin;
      const int64_t n_tiles = count > 0 ? ceil_div(kind == Kind::weight ? p_.m : count, tile) * columns : 0;
      const int64_t i = number - before_;
      if (i < n_tiles) {
        where = {expert_, i / columns * tile, i % columns * tile_columns(kind), begin, count};
        return true;
      }
      before_ += n_tiles;
    }
    return false;
  }

 private:
  const Problem<Y>& p_;
  int64_t expert_ = 0, before_ = 0;  // tiles of the experts before
};

// Rows [begin, begin + valid) of a matrix, perhaps gathered, from column `column` on.
struct Rows {
  const Bf16* matrix;
  const int* gather;
  int64_t pitch, begin, valid, column;
  __device__ const Bf16* operator()(int row) const {
    if (row >= valid) return nullptr;
    return matrix + (gather != nullptr ? gather[begin + row] : begin + row) * pitch + column;
  }
};

template <Kind kind, bool aligned, class Y>
__device__ __forceinline__ void fetch(const Problem<Y>& p, const Where& at, Bf16* sm, int64_t k0) {
  using L = Layout<kind>;
  Bf16* sm_b = sm + L::a_elements;
  if constexpr (kind == Kind::weight) {
    const int64_t first = at.begin + k0, valid = at.count - k0;
    fetch_rows<L::a_rows, L::a_width, threads, aligned>(sm, p.a, Rows{p.a, p.gather_a, p.m, first, valid, at.row0},
                                                        p.m - at.row0);
    fetch_rows<L::b_rows, L::b_width, threads, aligned>(sm_b, p.b, Rows{p.b, p.gather_b, p.n, first, valid, at.column0},
                                                        p.n - at.column0);
  } else {
    fetch_rows<L::a_rows, L::a_width, threads, aligned>(
        sm, p.a, Rows{p.a, p.gather_a, p.k, at.begin + at.row0, at.count - at.row0, k0}, p.k - k0);
    const Bf16* b = p.b + at.expert * (kind == Kind::forward_glu ? 2 : 1) * p.n * p.k;
    if constexpr (kind == Kind::forward_glu) {
      const auto gate_or_up = [&](int row) -> const Bf16* {
        const int64_t column = at.column0 + row / 16 * 8 + row % 8;
        return column < p.n ? b + (column + (row % 16 < 8 ? 0 : p.n)) * p.k + k0 : nullptr;
      };
      fetch_rows<L::b_rows, L::b_width, threads, aligned>(sm_b, p.b, gate_or_up, p.k - k0);
    } else if constexpr (kind == Kind::forward) {
      fetch_tile<L::b_rows, L::b_width, threads, aligned>(sm_b, b + at.column0 * p.k + k0, p.k, p.n - at.column0,
                                                          p.k - k0);
    } else {
      fetch_tile<L::b_rows, L::b_width, threads, aligned>(sm_b, b + k0 * p.n + at.column0, p.n, p.k - k0,
                                                          p.n - at.column0);
    }
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

// Where element e of sums[i][j] lies in the tile.
__device__ __forceinline__ int row_in_tile(int i, int e) {
  const int lane = static_cast<int>(threadIdx.x) % warp, in_block = static_cast<int>(threadIdx.x) / warp;
  return in_block / 4 * warp_rows + i * 16 + lane / 4 + e / 2 * 8;
}
__device__ __forceinline__ int column_in_tile(int j, int e) {
  const int lane = static_cast<int>(threadIdx.x) % warp, in_block = static_cast<int>(threadIdx.x) / warp;
  return in_block % 4 * warp_columns + j * 8 + lane % 4 * 2 + e % 2;
}

template <Kind kind, class Y>
__device__ __forceinline__ void write_tile(const Problem<Y>& p, const Where& at, const Sums& sums) {
  const int64_t rows = kind == Kind::weight ? p.m : at.count;
  Y* y = p.y + (kind == Kind::weight ? at.expert * p.m : at.begin) * p.n;
#pragma unroll
  for (int i = 0; i < warp_rows / 16; ++i) {
#pragma unroll
    for (int j = 0; j < warp_columns / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int64_t row = at.row0 + row_in_tile(i, e), column = at.column0 + column_in_tile(j, e);
        if (row >= rows || column >= p.n) continue;
        Y* to = y + row * p.n + column;
        store(to, sums[i][j][e] + (kind == Kind::weight ? to_float(*to) : 0.0f));
      }
    }
  }
}

// Gates in the even sums[i][j], ups in the odd.
template <class Y>
__device__ __forceinline__ void write_glu(const Problem<Y>& p, const Where& at, const Sums& sums) {
#pragma unroll
  for (int i = 0; i < warp_rows / 16; ++i) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int64_t in_expert = at.row0 + row_in_tile(i, e), row = at.begin + in_expert;
      if (in_expert >= at.count) continue;
      const float weight = p.row_weight != nullptr ? p.row_weight[row] : 1.0f;
#pragma unroll
      for (int j = 0; j < warp_columns / 8; j += 2) {
        const int lane_column = static_cast<int>(threadIdx.x) % 4 * 2 + e % 2;
        const int64_t column = at.column0 + (column_in_tile(j, e) - lane_column) / 2 + lane_column;
        if (column >= p.n) continue;
        store(p.y + row * 2 * p.n + column, sums[i][j][e]);
        store(p.y + row * 2 * p.n + p.n + column, sums[i][j + 1][e]);
        store(p.activated + row * p.n + column,
              weight * glu_of(rounded<Y>(sums[i][j][e]), rounded<Y>(sums[i][j + 1][e])));
      }
    }
  }
}

// The sums are gradients of what the glu gave.
template <class Y>
__device__ __forceinline__ void write_glu_gradient(const Problem<Y>& p, const Where& at, const Sums& sums) {
  const int warp_column = static_cast<int>(threadIdx.x) / warp % 4;
#pragma unroll
  for (int i = 0; i < warp_rows / 16; ++i) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int64_t in_expert = at.row0 + row_in_tile(i, 2 * half), row = at.begin + in_expert;
      const bool valid = in_expert < at.count;
      const float weight = valid && p.row_weight != nullptr ? p.row_weight[row] : 1.0f;
      float dot = 0;
#pragma unroll
      for (int j = 0; j < warp_columns / 8; ++j) {
#pragma unroll
        for (int e = 2 * half; e < 2 * half + 2; ++e) {
          const int64_t column = at.column0 + column_in_tile(j, e);
          if (!valid || column >= p.n) continue;
          const int64_t gate = row * 2 * p.n + column, up = gate + p.n;
          const GluGradient gradient(to_float(p.gate_up[gate]), to_float(p.gate_up[up]), weight * sums[i][j][e]);
          dot += sums[i][j][e] * gradient.a;
          store(p.y + gate, gradient.d_gate);
          store(p.y + up, gradient.d_up);
          if (p.activated != nullptr) store(p.activated + row * p.n + column, weight * gradient.a);
        }
      }
      if (p.dots == nullptr) continue;
      dot += __shfl_xor_sync(~0u, dot, 1);
      dot += __shfl_xor_sync(~0u, dot, 2);
      if (valid && threadIdx.x % 4 == 0) p.dots[(at.column0 / warp_columns + warp_column) * p.rows + row] = dot;
    }
  }
}

template <Kind kind, bool aligned, class Y>
__global__ void __launch_bounds__(threads, 1) grouped_kernel(Problem<Y> p) {
  using L = Layout<kind>;
  constexpr int stage_elements = L::a_elements + L::b_elements;
  HEARTH_DYNAMIC_SHARED(Bf16, sm);
  TileWalk<kind, Y> walk(p);
  Where at{};
  for (int64_t number = blockIdx.x; walk.find(number, at); number += gridDim.x) {
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
    if constexpr (kind == Kind::forward_glu)
      write_glu(p, at, sums);
    else if constexpr (kind == Kind::input_glu)
      write_glu_gradient(p, at, sums);
    else
      write_tile<kind>(p, at, sums);
  }
}

template <Kind kind, bool aligned, class Y>
void run(Stream& stream, const Problem<Y>& p, int64_t rows) {
  const int64_t columns = ceil_div(p.n, tile_columns(kind));
  const int64_t most =
      kind == Kind::weight ? p.experts * ceil_div(p.m, tile) * columns : (ceil_div(rows, tile) + p.experts) * columns;
  launch(stream, grouped_kernel<kind, aligned, Y>,
         {static_cast<unsigned>(std::min<int64_t>(most, 2 * stream.state<State>().n_processors())), threads,
          Layout<kind>::shared_bytes},
         p);
}
template <Kind kind, class Y>
void run(Stream& stream, const Problem<Y>& p, int64_t rows, bool aligned) {
  aligned ? run<kind, true>(stream, p, rows) : run<kind, false>(stream, p, rows);
}

bool both_bf16(const Tensor& a, const Tensor& b) {
  return a.dtype == DType::bf16 && b.dtype == DType::bf16;
}

// d_row_weight of the rows that belong to experts, out of its parts.
struct AddDots {
  const float* dots;
  float* d_row_weight;
  const int* rows_used;
  int64_t rows, n_parts;
  __device__ void operator()(int64_t row) const {
    if (row >= *rows_used) return;
    float sum = 0;
    for (int64_t part = 0; part < n_parts; ++part) sum += dots[part * rows + row];
    d_row_weight[row] = sum;
  }
};

constexpr int64_t dot_parts(int64_t in) {
  return ceil_div(in, tile) * tile / warp_columns;
}

// dx goes on through the glu in the products' epilogue.
void input_gradient_of_glu(Stream& stream, const GroupedGemmInputGradientArgs& args) {
  const int64_t rows = args.gate_up.shape[0], in = args.weight.shape[2], n_parts = dot_parts(in);
  const int* offsets = data<const int>(args.offsets);
  Problem<Bf16> p{data<const Bf16>(args.dy),
                  data<const Bf16>(args.weight),
                  data<Bf16>(args.d_gate_up),
                  offsets,
                  args.weight.shape[0],
                  0,
                  in,
                  args.weight.shape[1],
                  data<const int>(args.gather),
                  nullptr};
  p.row_weight = data<const float>(args.row_weight);
  p.activated = data<Bf16>(args.activated);
  p.gate_up = data<const Bf16>(args.gate_up);
  p.rows = rows;
  if (args.d_row_weight)
    p.dots =
        reinterpret_cast<float*>(stream.state<State>().scratch(expert_gradient_scratch(rows, in, args.dy.dtype, true)));
  run<Kind::input_glu, true>(stream, p, rows);
  if (args.d_row_weight)
    each(stream, rows, AddDots{p.dots, data<float>(args.d_row_weight), offsets + p.experts, rows, n_parts});
}

bool by_blas(const Stream& stream) {
  return stream.gpu_kernels().grouped == GpuKernels::Grouped::cublaslt;
}

}  // namespace

std::size_t expert_gradient_scratch(int64_t rows, int64_t in, DType dtype, bool on_tensor_cores) {
  return static_cast<std::size_t>(rows) * (on_tensor_cores ? static_cast<std::size_t>(dot_parts(in)) * sizeof(float)
                                                           : static_cast<std::size_t>(in) * size_of(dtype));
}

void grouped_gemm(Stream& stream, const GroupedGemmArgs& args) {
  if (by_blas(stream) && grouped_by_blas(stream, args)) return;
  const int64_t rows = args.y.shape[0], out = args.weight.shape[1], in = args.weight.shape[2];
  const bool bf16 = both_bf16(args.x, args.weight), aligned = in_eights(in, args.x, args.weight);
  const int* const offsets = data<const int>(args.offsets);
  if (!bf16 || (args.activated && !aligned)) {
    grouped_tiles(stream, args);
    if (args.activated)
      glu_of_rows(stream, {.x = args.y, .row_weight = args.row_weight, .y = args.activated},
                  offsets + args.weight.shape[0]);
    return;
  }
  with_type(args.y.dtype, [&](auto type) {
    using Y = decltype(type);
    Problem<Y> p{data<const Bf16>(args.x),
                 data<const Bf16>(args.weight),
                 data<Y>(args.y),
                 offsets,
                 args.weight.shape[0],
                 0,
                 out,
                 in,
                 data<const int>(args.gather),
                 nullptr};
    if (!args.activated) return run<Kind::forward>(stream, p, rows, aligned);
    if constexpr (std::is_same_v<Y, Bf16>) {
      p.n = out / 2;
      p.row_weight = data<const float>(args.row_weight);
      p.activated = data<Y>(args.activated);
      run<Kind::forward_glu, true>(stream, p, rows);
    }
  });
}

void grouped_gemm_input_gradient(Stream& stream, const GroupedGemmInputGradientArgs& args) {
  if (by_blas(stream) && grouped_by_blas(stream, args)) return;
  const int64_t out = args.weight.shape[1], in = args.weight.shape[2];
  const bool bf16 = both_bf16(args.dy, args.weight);
  const bool aligned = in_eights(in, args.weight) && in_eights(out, args.dy);
  if (args.gate_up && bf16 && aligned) return input_gradient_of_glu(stream, args);
  GroupedGemmInputGradientArgs product = args;
  if (args.gate_up) {
    const std::int64_t rows = args.gate_up.shape[0];
    product.dx = {stream.state<State>().scratch(expert_gradient_scratch(rows, in, args.dy.dtype, false)),
                  args.dy.dtype,
                  {rows, in}};
  }
  if (bf16) {
    with_type(product.dx.dtype, [&](auto type) {
      using Y = decltype(type);
      const Problem<Y> p{data<const Bf16>(args.dy),
                         data<const Bf16>(args.weight),
                         data<Y>(product.dx),
                         data<const int>(args.offsets),
                         args.weight.shape[0],
                         0,
                         in,
                         out,
                         data<const int>(args.gather),
                         nullptr};
      run<Kind::input>(stream, p, product.dx.shape[0], aligned);
    });
  } else {
    grouped_tiles(stream, product);
  }
  if (!args.gate_up) return;
  glu_backward_of_rows(stream,
                       {.dy = product.dx,
                        .x = args.gate_up,
                        .row_weight = args.row_weight,
                        .dx = args.d_gate_up,
                        .d_row_weight = args.d_row_weight,
                        .y = args.activated},
                       data<const int>(args.offsets) + args.weight.shape[0]);
}

void grouped_gemm_weight_gradient(Stream& stream, const GroupedGemmWeightGradientArgs& args) {
  if (by_blas(stream) && grouped_by_blas(stream, args)) return;
  if (!both_bf16(args.dy, args.x)) return grouped_tiles(stream, args);
  const int64_t out = args.dweight.shape[1], in = args.dweight.shape[2];
  const Problem<float> p{data<const Bf16>(args.dy),
                         data<const Bf16>(args.x),
                         data<float>(args.dweight),
                         data<const int>(args.offsets),
                         args.dweight.shape[0],
                         out,
                         in,
                         0,
                         data<const int>(args.gather_dy),
                         data<const int>(args.gather_x)};
  run<Kind::weight>(stream, p, 0, in_eights(out, args.dy) && in_eights(in, args.x));
}

}  // namespace hearth::kernels::cuda
