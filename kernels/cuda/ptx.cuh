// SPDX-License-Identifier: Apache-2.0
// What CUDA C++ cannot say by itself: matrix instructions, asynchronous copies, named barriers, shared memory. On a GPU
// inline PTX; compiled for the host, calls of the SIMT machine (tests/simt). Hopper has sm90/ptx.cuh. No other file
// holds assembly.
#pragma once
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

#ifdef __CUDACC__
// The block's dynamic shared memory as `type* name`; `type name[count]` shared by the block.
#define HEARTH_DYNAMIC_SHARED(type, name)                                   \
  extern __shared__ __align__(1024) unsigned char hearth_dynamic_shared_[]; \
  type* const name = reinterpret_cast<type*>(hearth_dynamic_shared_)
#define HEARTH_SHARED(type, count, name) __shared__ type name[count]
#else
#define HEARTH_DYNAMIC_SHARED(type, name) type* const name = reinterpret_cast<type*>(simt::dynamic_shared())
#define HEARTH_SHARED(type, count, name) auto& name = simt::static_shared_of<type[count]>([] {})
#endif

namespace hearth::kernels::cuda {

#ifdef __CUDACC__
__device__ __forceinline__ std::uint32_t shared_address(const void* at) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(at));
}

// c += a b in mma.sync.m16n8k16's fragments, lane l, g = l / 4, t = l % 4: c (g, 2t), (g, 2t+1), (g+8, 2t), (g+8,
// 2t+1); a rows g and g+8 alternating, columns 2t and then 2t+8; b rows 2t and 2t+8 of column g.
__device__ __forceinline__ void mma(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Four 8 x 8 matrices of 16-bit numbers; lane l names row l % 8 of matrix l / 8 (16 bytes of shared memory).
__device__ __forceinline__ void ldmatrix(std::uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3},[%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void ldmatrix_transposed(std::uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3},[%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

// 16 bytes from global to shared memory, or zeros; there after the wait for their group.
__device__ __forceinline__ void copy16_async(void* to, const void* from, bool valid) {
  const int from_bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0],[%1],16,%2;" ::"r"(shared_address(to)), "l"(from), "r"(from_bytes)
               : "memory");
}
__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int but_newest_groups>
__device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(but_newest_groups) : "memory");
}

// Two floats rounded to bf16, low in the lower half.
__device__ __forceinline__ std::uint32_t pack(float low, float high) {
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

// Barriers 1 to 15 of `threads` threads of the block.
__device__ __forceinline__ void named_barrier(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
#else
inline void mma(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                simt::Where where = simt::Where::current()) {
  simt::matrix_product(c, a, b, where);
}
inline void ldmatrix(std::uint32_t (&r)[4], const void* row, simt::Where where = simt::Where::current()) {
  simt::touch(row, 16);
  simt::matrix_load(r, row, false, where);
}
inline void ldmatrix_transposed(std::uint32_t (&r)[4], const void* row, simt::Where where = simt::Where::current()) {
  simt::touch(row, 16);
  simt::matrix_load(r, row, true, where);
}
inline void copy16_async(void* to, const void* from, bool valid, simt::Where where = simt::Where::current()) {
  simt::touch(to, 16);
  if (valid) simt::touch(from, 16);
  simt::copy_later(to, from, 16, valid ? 16 : 0, where);
}
inline void commit_copies() {
  simt::commit_copies();
}
template <int but_newest_groups>
void wait_copies() {
  simt::wait_copies(but_newest_groups);
}
inline std::uint32_t pack(float low, float high) {
  return static_cast<std::uint32_t>(hearth::bf16(high).bits) << 16 | hearth::bf16(low).bits;
}
inline void named_barrier(int id, int threads, simt::Where where = simt::Where::current()) {
  simt::barrier(id, threads, where);
}
#endif

}  // namespace hearth::kernels::cuda
