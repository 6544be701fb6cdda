// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/scratch.h"

#include <array>

namespace hearth::kernels::cpu {

std::byte* scratch_bytes(ScratchUse use, std::size_t bytes) {
  thread_local std::array<Buffer, 7> buffers;
  Buffer& buffer = buffers[static_cast<std::size_t>(use)];
  if (buffer.bytes() < bytes) {
    buffer = Buffer();
    buffer = Buffer(bytes + bytes / 4);
  }
  return buffer.data();
}

}  // namespace hearth::kernels::cpu
