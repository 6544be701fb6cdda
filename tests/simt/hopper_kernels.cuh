// SPDX-License-Identifier: Apache-2.0
// A product by TMA and wgmma over a ring of two stages, right or wrong in one place.
#pragma once
#include "kernels/cuda/sm90/ptx.cuh"

namespace simt_sample {

enum class Fault {
  none,
  no_wait_for_tiles,
  no_wait_for_room,
  stage_given_back_early,
  no_wait_for_products,
  no_fence,
  other_operands,
  bytes_that_never_come,
  barrier_not_initialised,
  misaligned_tile,
};

constexpr int ring_stages = 2, ring_stage = 64 * 64 + 128 * 64;  // elements: 64 rows of a, 128 of b, 64 of k
constexpr std::size_t small_ring_bytes = ring_stages * (ring_stage * 2 + 16) + 1024;

// y [64 a block, 128] = a b^T: a warpgroup copies, another multiplies; as many threads, so 256.
__global__ inline void small_ring_product(const CUtensorMap a, const CUtensorMap b, float* y, int k, Fault fault) {
  using namespace hearth::kernels::cuda::sm90;
  HEARTH_DYNAMIC_SHARED(__nv_bfloat16, ring);
  auto* const full = reinterpret_cast<std::uint64_t*>(ring + ring_stages * ring_stage);
  std::uint64_t* const empty = full + ring_stages;
  const int thread = static_cast<int>(threadIdx.x), slices = k / 64;
  if (thread == 0) {
    for (int i = 0; i < ring_stages; ++i) {
      if (fault != Fault::barrier_not_initialised) barrier_init(full + i, 1);
      barrier_init(empty + i, 4);
    }
    barriers_are_initialised();
  }
  __syncthreads();
  if (thread < 128) {
    for (int s = 0; s < slices && thread == 0; ++s) {
      const int stage = s % ring_stages;
      __nv_bfloat16* const at = ring + stage * ring_stage + (fault == Fault::misaligned_tile ? 64 : 0);
      if (fault != Fault::no_wait_for_room) wait(empty + stage, static_cast<unsigned>(s / ring_stages % 2) ^ 1);
      arrive_expecting(full + stage, ring_stage * 2 + (fault == Fault::bytes_that_never_come ? 16 : 0));
      load_tile(at, &a, full + stage, s * 64, static_cast<int>(blockIdx.x) * 64);
      load_tile(at + 64 * 64, &b, full + stage, s * 64, 0);
    }
    return;
  }
  const int lane = thread % 32, in_group = thread / 32 % 4;
  float sums[64];
  for (int s = 0; s < slices; ++s) {
    const int stage = s % ring_stages;
    const __nv_bfloat16* const at = ring + stage * ring_stage;
    if (fault != Fault::no_wait_for_tiles) wait(full + stage, static_cast<unsigned>(s / ring_stages % 2));
    if (fault != Fault::no_fence) fence_products();
    for (int i = 0; i < 64; i += 16) {
      const int shift = fault == Fault::other_operands && in_group == 3 ? 16 : 0;
      product(sums, operand(at + (i + shift) % 64), operand(at + 64 * 64 + i), s + i > 0);
    }
    commit_products();
    if (fault == Fault::stage_given_back_early && lane == 0) arrive(empty + stage);
    if (fault == Fault::stage_given_back_early && s + 1 < slices)
      wait(full + (s + 1) % ring_stages, static_cast<unsigned>((s + 1) / ring_stages % 2));
    if (fault != Fault::no_wait_for_products) wait_products<0>();
    if (fault != Fault::stage_given_back_early && lane == 0) arrive(empty + stage);
  }
  const int row = static_cast<int>(blockIdx.x) * 64 + in_group * 16 + lane / 4;
  for (int i = 0; i < 64; ++i) y[(row + i / 2 % 2 * 8) * 128 + i / 4 * 8 + lane % 4 * 2 + i % 2] = sums[i];
}

}  // namespace simt_sample
