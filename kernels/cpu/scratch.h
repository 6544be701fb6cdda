// SPDX-License-Identifier: Apache-2.0
// Working memory of one thread, kept between calls so that kernels do not wait for the allocator and its page faults.
#pragma once
#include <cstddef>

#include "lib/device/memory.h"

namespace hearth::kernels::cpu {

// What the memory is for: two purposes may be in use at once on one thread, one purpose only once.
enum class ScratchUse { packed_b, packed_a, result, attention, rows, expert_rows, expert_gradients };

// At least this many elements, 64-byte aligned, contents unspecified; valid until this thread asks for that use again.
std::byte* scratch_bytes(ScratchUse use, std::size_t bytes);

template <class T>
T* scratch(ScratchUse use, std::int64_t elements) {
  return reinterpret_cast<T*>(scratch_bytes(use, static_cast<std::size_t>(elements) * sizeof(T)));
}

}  // namespace hearth::kernels::cpu
