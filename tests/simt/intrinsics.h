// SPDX-License-Identifier: Apache-2.0
// What CUDA C++ has beyond C++: indices, barriers, warp operations, atomics, arithmetic; and, in namespace simt, the
// PTX instructions that kernels/cuda/ptx.cuh wraps.
#pragma once
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "tests/simt/machine.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __restrict__
#define threadIdx (simt::current->index)
#define blockIdx (simt::place->block)
#define blockDim (simt::place->block_dim)
#define gridDim (simt::place->grid_dim)

inline void __syncthreads(simt::Where where = simt::Where::current()) {
  simt::barrier(0, 0, where);
}
inline void __syncwarp(unsigned mask = ~0u, simt::Where where = simt::Where::current()) {
  simt::meet(mask, simt::Meeting::sync, nullptr, 0, nullptr, "__syncwarp", where);
}
inline void __threadfence() {}

namespace simt {
template <class T>
T shuffle(unsigned mask, T value, int source, const char* what, const Where& where) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 16);
  const Met met = meet(mask, Meeting::shuffle, &value, sizeof(T), nullptr, what, where);
  std::memcpy(&value, met.collective.in[met.parity][source], sizeof(T));
  return value;
}
}  // namespace simt

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, simt::Where where = simt::Where::current()) {
  const int base = simt::current->lane & ~(width - 1);
  return simt::shuffle(mask, value, base | (source & (width - 1)), "__shfl_sync", where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int = 32, simt::Where where = simt::Where::current()) {
  return simt::shuffle(mask, value, simt::current->lane ^ lanes, "__shfl_xor_sync", where);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32, simt::Where where = simt::Where::current()) {
  const int lane = simt::current->lane, source = lane - static_cast<int>(by);
  return simt::shuffle(mask, value, source >= (lane & ~(width - 1)) ? source : lane, "__shfl_up_sync", where);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, simt::Where where = simt::Where::current()) {
  const int lane = simt::current->lane, source = lane + static_cast<int>(by);
  return simt::shuffle(mask, value, (source & ~(width - 1)) == (lane & ~(width - 1)) ? source : lane,
                       "__shfl_down_sync", where);
}
unsigned __ballot_sync(unsigned mask, int predicate, simt::Where where = simt::Where::current());
inline int __any_sync(unsigned mask, int predicate, simt::Where where = simt::Where::current()) {
  return __ballot_sync(mask, predicate, where) != 0;
}
inline int __popc(unsigned bits) {
  return std::popcount(bits);
}
inline int __ffs(int bits) {
  return bits == 0 ? 0 : std::countr_zero(static_cast<unsigned>(bits)) + 1;
}

template <class T>
T atomicAdd(T* at, std::type_identity_t<T> value) {
  return std::atomic_ref<T>(*at).fetch_add(value);
}

template <class T>
T __ldg(const T* at) {
  return *at;
}
inline float rsqrtf(float x) {
  return 1 / std::sqrt(x);
}
inline float __fdividef(float a, float b) {
  return a / b;
}
inline unsigned __float_as_uint(float x) {
  return std::bit_cast<unsigned>(x);
}
inline float __uint_as_float(unsigned bits) {
  return std::bit_cast<float>(bits);
}
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(std::uint64_t{a} * b >> 32);
}

namespace simt {

// Copies whose effect shows only at wait_copies; from_bytes less than bytes: the rest becomes zero.
void copy_later(void* to, const void* from, std::size_t bytes, std::size_t from_bytes, const Where& where);
void commit_copies();
void wait_copies(int but_newest_groups);

// mma.sync m16n8k16: c += a b, bf16 in, f32 out, in the fragments' layout of the PTX manual.
void matrix_product(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], const Where& where);
// ldmatrix .x4, rows of 16 bytes; transposed: .trans.
void matrix_load(std::uint32_t (&r)[4], const void* row, bool transposed, const Where& where);

// In instrumented code the sanitizer sees these touches where the kernel stands, not in the machine.
inline void touch(const void* begin, std::size_t bytes) {
  if (bytes == 0) return;
  const auto* at = static_cast<const volatile unsigned char*>(begin);
  static_cast<void>(at[0]);
  static_cast<void>(at[bytes - 1]);
}

}  // namespace simt
