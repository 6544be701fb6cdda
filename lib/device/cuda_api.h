// SPDX-License-Identifier: Apache-2.0
// The seam between a program with CUDA and one without: both define these functions, in cuda/ and in without_cuda.cpp;
// the linker takes the former where its object is named.
#pragma once
#include <vector>

#include "lib/base/libraries.h"
#include "lib/device/device.h"

namespace hearth {

// Makes the GPU of that number the process's. Throws Error{unavailable} that says why there is none.
const DeviceApi& cuda_api(int ordinal);

// What there is of CUDA, for `hearth doctor`: what the kernels were built for, the runtime, the driver, each GPU.
// Empty in a program without CUDA.
std::vector<Library> cuda_facts();

// GPUs that this process sees; 0 where there are none, or no CUDA.
int cuda_gpus();

// Where the pieces of ranks 0 to n_ranks - 1 lie on the device: own_rank's at own, the others' one behind another
// without it. own_rank -1: all of them one behind another.
struct OrderedPieces {
  const std::byte* others;
  std::size_t stride_bytes;
  const std::byte* own;
  int own_rank, n_ranks;
};
// to[i] = sum (or greatest) of the pieces' i-th elements in rank order, as comm::reduce_in_order: f32, bf16, f64, i64.
// In the stream, a native one.
void cuda_reduce_in_order(void* stream, bool greatest, DType dtype, const OrderedPieces& pieces, std::int64_t n,
                          std::byte* to);

}  // namespace hearth
