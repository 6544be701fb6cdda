// SPDX-License-Identifier: Apache-2.0
// What sm_90 adds, for kernels/cuda/sm90/ptx.cuh: barriers in shared memory that count arrivals and bytes, tiles copied
// by the TMA, products of a warpgroup out of shared memory. A tile lands when no thread can go on without it, and until
// then its place holds NaN; products are computed when they are waited for, and until then their sums are NaN. So a
// wait that is missing shows, as does a place that is filled again too early.
#pragma once
#include <cuda.h>

#include "tests/simt/machine.h"

namespace simt {

// Position in the block's dynamic shared memory, where operands and barriers must lie.
std::uint32_t shared_offset(const void* at, const char* operation, const Where& where);

void mbarrier_init(std::uint64_t* barrier, int count, const Where& where);
// Counts the running thread in; with bytes, the phase ends only when as many have landed.
void mbarrier_arrive(std::uint64_t* barrier, std::int64_t bytes, const Where& where);
// Until the phase of that parity has ended.
void mbarrier_wait(std::uint64_t* barrier, std::uint32_t parity, const Where& where);

// The box of the map at column x, row y (what lies outside the matrix is 0); its bytes count at the barrier.
void tensor_load(void* to, const CUtensorMap& map, std::uint64_t* barrier, int x, int y, const Where& where);

// By all lanes of a warp, and alike by the four warps of a warpgroup: d [64, n] = a [64, 16] b [n, 16]^T (+ d with
// keep).
void warpgroup_fence(const Where& where);
void warpgroup_product(float* d, int n, std::uint64_t a, std::uint64_t b, bool keep, const Where& where);
void warpgroup_commit(const Where& where);
void warpgroup_wait(int but_newest_groups, const Where& where);

}  // namespace simt
