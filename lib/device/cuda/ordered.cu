// SPDX-License-Identifier: Apache-2.0
// Sums of ranks' pieces in rank order, for lib/comm/nccl.
#include <cuda_runtime.h>

#include <algorithm>

#include "lib/device/cuda_api.h"

namespace hearth {
namespace {

constexpr int threads = 256;
constexpr std::int64_t most_blocks = 1024;

struct Bf16Bits {
  std::uint16_t bits;
};

__device__ __forceinline__ float wide(Bf16Bits x) {
  return __uint_as_float(static_cast<unsigned>(x.bits) << 16);
}
template <class T>
__device__ __forceinline__ T wide(T x) {
  return x;
}
// Rounded to the nearest, ties to even.
__device__ __forceinline__ void store(Bf16Bits* at, float x) {
  const unsigned bits = __float_as_uint(x);
  at->bits = static_cast<std::uint16_t>(x != x ? bits >> 16 | 0x40u : (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}
template <class T>
__device__ __forceinline__ void store(T* at, T x) {
  *at = x;
}

template <class T, bool greatest>
__global__ void __launch_bounds__(threads) reduce_kernel(OrderedPieces pieces, std::int64_t n, T* to) {
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * threads + threadIdx.x; i < n;
       i += static_cast<std::int64_t>(gridDim.x) * threads) {
    const auto element = [&](int rank) {
      const int index = pieces.own_rank >= 0 && rank > pieces.own_rank ? rank - 1 : rank;
      const std::byte* piece =
          rank == pieces.own_rank ? pieces.own : pieces.others + static_cast<std::size_t>(index) * pieces.stride_bytes;
      return wide(reinterpret_cast<const T*>(piece)[i]);
    };
    auto sum = element(0);
    for (int rank = 1; rank < pieces.n_ranks; ++rank) {
      const auto next = element(rank);
      if constexpr (greatest)
        sum = next > sum || next != next ? next : sum;  // NaN wins, so that a broken value is not hidden
      else
        sum = sum + next;
    }
    store(to + i, sum);
  }
}

template <class T, bool greatest>
void launch(void* stream, const OrderedPieces& pieces, std::int64_t n, std::byte* to) {
  const auto blocks = static_cast<unsigned>(std::min((n + threads - 1) / threads, most_blocks));
  auto* const out = reinterpret_cast<T*>(to);
#ifdef __CUDACC__
  reduce_kernel<T, greatest><<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>(pieces, n, out);
  const cudaError_t error = cudaGetLastError();
#else
  const cudaError_t error = simt::launch(blocks, threads, 0, static_cast<cudaStream_t>(stream),
                                         [=] { reduce_kernel<T, greatest>(pieces, n, out); });
#endif
  if (error != cudaSuccess)
    throw Error(Kind::unavailable, std::string("CUDA: cannot add up pieces: ") + cudaGetErrorString(error));
}

template <bool greatest>
void reduce(void* stream, DType dtype, const OrderedPieces& pieces, std::int64_t n, std::byte* to) {
  switch (dtype) {
    case DType::f32:
      return launch<float, greatest>(stream, pieces, n, to);
    case DType::bf16:
      return launch<Bf16Bits, greatest>(stream, pieces, n, to);
    case DType::f64:
      return launch<double, greatest>(stream, pieces, n, to);
    case DType::i64:
      return launch<std::int64_t, greatest>(stream, pieces, n, to);
    default:
      HEARTH_CHECK(false, "no reduction of " + std::string(name_of(dtype)));
  }
}

}  // namespace

void cuda_reduce_in_order(void* stream, bool greatest, DType dtype, const OrderedPieces& pieces, std::int64_t n,
                          std::byte* to) {
  greatest ? reduce<true>(stream, dtype, pieces, n, to) : reduce<false>(stream, dtype, pieces, n, to);
}

}  // namespace hearth
