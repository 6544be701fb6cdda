// SPDX-License-Identifier: Apache-2.0
// The memory that ops take on a device while they run, told beforehand, so that it can be planned and lent to the
// stream (Stream::lend) and nothing is allocated while a model trains.
#pragma once
#include <cstddef>

#include "lib/device/device.h"

namespace hearth::kernels {

// What the ops of a model are asked at most.
struct ScratchNeeds {
  DType dtype = DType::f32;  // of activations
  std::int64_t tokens = 0;   // of a pass
  std::int64_t q_heads = 0, head_dim = 0;
  std::int64_t widest = 0;       // row of anything that all rows share: norm weights, biases
  std::int64_t largest = 0;      // elements of a tensor whose elements are summed
  std::int64_t experts = 0;      // of a mixture; none: 0
  std::int64_t expert_rows = 0;  // that all of them take at a time
  std::int64_t expert_ffn = 0;   // width inside an expert
  std::int64_t hidden = 0;       // width outside
  GpuKernels kernels = {};       // that the stream will choose
};

// 0 on the host, whose ops take theirs from the allocator.
std::size_t scratch_bytes(const Device& device, const ScratchNeeds& needs);

}  // namespace hearth::kernels
