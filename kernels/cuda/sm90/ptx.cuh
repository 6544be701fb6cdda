// SPDX-License-Identifier: Apache-2.0
// The instructions of sm_90a (ptx.cuh has those of sm_80): barriers in shared memory, tiles copied by the TMA, products
// of a warpgroup. On a GPU inline PTX, which needs the architecture 90a: compiled for another it traps. For the host,
// calls of the SIMT machine (tests/simt/hopper.h).
//
// A barrier's phase ends when `count` threads have arrived and all bytes that were expected have landed. Waiting for
// the parity of the phase before the first passes at once.
#pragma once
#include <cuda.h>

#include "kernels/cuda/ptx.cuh"

namespace hearth::kernels::cuda::sm90 {

// An operand of a product: rows of 64 bf16, each 128 bytes, in shared memory as the TMA leaves them with the swizzle of
// 128 bytes; `at` + 16 elements for the next 16 of k.
__device__ __forceinline__ std::uint64_t operand_at(std::uint32_t shared_address) {
  return static_cast<std::uint64_t>((shared_address & 0x3FFFF) >> 4) | std::uint64_t{1} << 16 |
         std::uint64_t{1024 >> 4} << 32 | std::uint64_t{1} << 62;
}

#ifdef __CUDACC__
#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define HEARTH_ASM90(...) __trap()
#else
#define HEARTH_ASM90(...) __VA_ARGS__
#endif

__device__ __forceinline__ std::uint64_t operand(const void* at) {
  return operand_at(shared_address(at));
}
__device__ __forceinline__ void barrier_init(std::uint64_t* barrier, int count) {
  HEARTH_ASM90(asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(count)));
}
// After all barriers of the block are initialised, before __syncthreads.
__device__ __forceinline__ void barriers_are_initialised() {
  HEARTH_ASM90(asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"));
}
__device__ __forceinline__ void arrive(std::uint64_t* barrier) {
  HEARTH_ASM90(asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory"));
}
__device__ __forceinline__ void arrive_expecting(std::uint64_t* barrier, std::uint32_t bytes) {
  HEARTH_ASM90(
      asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes)
                   : "memory"));
}
__device__ __forceinline__ void wait(std::uint64_t* barrier, std::uint32_t parity) {
  HEARTH_ASM90(
      asm volatile("{\n.reg .pred done;\nagain:\n"
                   "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
                   "@!done bra again;\n}" ::"r"(shared_address(barrier)),
                   "r"(parity)
                   : "memory"));
}
// The map's box whose first element is (row y, column x), zeros where it lies outside.
__device__ __forceinline__ void load_tile(void* to, const CUtensorMap* map, std::uint64_t* barrier, int x, int y) {
  HEARTH_ASM90(
      asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                   "[%0], [%1, {%3,%4}], [%2];" ::"r"(shared_address(to)),
                   "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y)
                   : "memory"));
}
// Before the first product after sums were touched or waited for.
__device__ __forceinline__ void fence_products() {
  HEARTH_ASM90(asm volatile("wgmma.fence.sync.aligned;" ::: "memory"));
}
__device__ __forceinline__ void commit_products() {
  HEARTH_ASM90(asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"));
}
template <int but_newest_groups>
__device__ __forceinline__ void wait_products() {
  HEARTH_ASM90(asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(but_newest_groups) : "memory"));
}
// Registers a thread of the warpgroup holds from here on.
template <int registers>
__device__ __forceinline__ void give_registers() {
  HEARTH_ASM90(asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers)));
}
template <int registers>
__device__ __forceinline__ void take_registers() {
  HEARTH_ASM90(asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers)));
}

// d [64, n] (+)= a [64, 16] b [n, 16]^T by a warpgroup, bf16 to f32, there after a wait. Warp w has rows 16 w .. of d,
// in them the fragment of mma (ptx.cuh) for each 8 columns.
#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
// clang-format off
__device__ __forceinline__ void product(float (&d)[64], std::uint64_t a, std::uint64_t b, bool keep) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
      "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,"
      "%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,"
      "%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
      "}, %64, %65, p, 1, 1, 0, 0;\n}\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), "+f"(d[8]),
        "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), "+f"(d[16]),
        "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]),
        "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31]), "+f"(d[32]),
        "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]),
        "+f"(d[41]), "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]),
        "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]), "+f"(d[56]),
        "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63])
      : "l"(a), "l"(b), "r"(static_cast<int>(keep)));
}
__device__ __forceinline__ void product(float (&d)[128], std::uint64_t a, std::uint64_t b, bool keep) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %130, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {"
      "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,"
      "%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,"
      "%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63,%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,"
      "%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95,%96,%97,%98,%99,%100,"
      "%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,"
      "%121,%122,%123,%124,%125,%126,%127"
      "}, %128, %129, p, 1, 1, 0, 0;\n}\n"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), "+f"(d[8]),
        "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), "+f"(d[16]),
        "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]),
        "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31]), "+f"(d[32]),
        "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]),
        "+f"(d[41]), "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]),
        "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]), "+f"(d[56]),
        "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63]), "+f"(d[64]),
        "+f"(d[65]), "+f"(d[66]), "+f"(d[67]), "+f"(d[68]), "+f"(d[69]), "+f"(d[70]), "+f"(d[71]), "+f"(d[72]),
        "+f"(d[73]), "+f"(d[74]), "+f"(d[75]), "+f"(d[76]), "+f"(d[77]), "+f"(d[78]), "+f"(d[79]), "+f"(d[80]),
        "+f"(d[81]), "+f"(d[82]), "+f"(d[83]), "+f"(d[84]), "+f"(d[85]), "+f"(d[86]), "+f"(d[87]), "+f"(d[88]),
        "+f"(d[89]), "+f"(d[90]), "+f"(d[91]), "+f"(d[92]), "+f"(d[93]), "+f"(d[94]), "+f"(d[95]), "+f"(d[96]),
        "+f"(d[97]), "+f"(d[98]), "+f"(d[99]), "+f"(d[100]), "+f"(d[101]), "+f"(d[102]), "+f"(d[103]), "+f"(d[104]),
        "+f"(d[105]), "+f"(d[106]), "+f"(d[107]), "+f"(d[108]), "+f"(d[109]), "+f"(d[110]), "+f"(d[111]),
        "+f"(d[112]), "+f"(d[113]), "+f"(d[114]), "+f"(d[115]), "+f"(d[116]), "+f"(d[117]), "+f"(d[118]),
        "+f"(d[119]), "+f"(d[120]), "+f"(d[121]), "+f"(d[122]), "+f"(d[123]), "+f"(d[124]), "+f"(d[125]),
        "+f"(d[126]), "+f"(d[127])
      : "l"(a), "l"(b), "r"(static_cast<int>(keep)));
}
// clang-format on
#else
template <int n>
__device__ __forceinline__ void product(float (&)[n], std::uint64_t, std::uint64_t, bool) {
  __trap();
}
#endif
#undef HEARTH_ASM90
#else
inline std::uint64_t operand(const void* at, simt::Where where = simt::Where::current()) {
  return operand_at(simt::shared_offset(at, "wgmma", where));
}
inline void barrier_init(std::uint64_t* barrier, int count, simt::Where where = simt::Where::current()) {
  simt::mbarrier_init(barrier, count, where);
}
inline void barriers_are_initialised() {}
inline void arrive(std::uint64_t* barrier, simt::Where where = simt::Where::current()) {
  simt::mbarrier_arrive(barrier, 0, where);
}
inline void arrive_expecting(std::uint64_t* barrier, std::uint32_t bytes, simt::Where where = simt::Where::current()) {
  simt::mbarrier_arrive(barrier, bytes, where);
}
inline void wait(std::uint64_t* barrier, std::uint32_t parity, simt::Where where = simt::Where::current()) {
  simt::mbarrier_wait(barrier, parity, where);
}
inline void load_tile(void* to, const CUtensorMap* map, std::uint64_t* barrier, int x, int y,
                      simt::Where where = simt::Where::current()) {
  simt::tensor_load(to, *map, barrier, x, y, where);
}
inline void fence_products(simt::Where where = simt::Where::current()) {
  simt::warpgroup_fence(where);
}
inline void commit_products(simt::Where where = simt::Where::current()) {
  simt::warpgroup_commit(where);
}
template <int but_newest_groups>
void wait_products(simt::Where where = simt::Where::current()) {
  simt::warpgroup_wait(but_newest_groups, where);
}
template <int registers>
void give_registers() {}
template <int registers>
void take_registers() {}
template <int n>
void product(float (&d)[n], std::uint64_t a, std::uint64_t b, bool keep, simt::Where where = simt::Where::current()) {
  simt::warpgroup_product(d, 2 * n, a, b, keep, where);
}
#endif

}  // namespace hearth::kernels::cuda::sm90
