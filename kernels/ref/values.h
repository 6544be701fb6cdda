// SPDX-License-Identifier: Apache-2.0
// A tensor's elements as doubles, whatever it holds: reference kernels read all operands, compute, write all results.
// They also take f64 tensors, which the contracts refuse: tests differentiate them numerically so.
#pragma once
#include <vector>

#include "lib/base/tensor.h"

namespace hearth::kernels::ref {

using Values = std::vector<double>;

Values read(const Tensor& tensor);                       // empty for an absent one
void write(const Tensor& tensor, const Values& values);  // rounds; nothing for an absent one

// i32 or i64 indices.
std::vector<std::int64_t> read_indices(const Tensor& tensor);
void write_indices(const Tensor& tensor, const std::vector<std::int64_t>& values);

}  // namespace hearth::kernels::ref
