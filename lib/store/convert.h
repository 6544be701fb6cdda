// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <span>

#include "lib/base/tensor.h"

namespace hearth::store {

// Copies from's elements, stored as f32 or bf16 at any alignment, to `to` from its element `first` on; `to` is f32 or
// bf16. Narrowing rounds to nearest even.
void convert(std::span<const std::byte> from, DType stored, Tensor to, std::int64_t first = 0);

}  // namespace hearth::store
