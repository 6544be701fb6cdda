// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors.h"

#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(safetensors) {
  const hearth::fuzz::MemoryFile file(bytes);
  const hearth::formats::SafetensorsFile tensors(file.path());
  unsigned sum = 0;
  for (const auto& entry : tensors.entries()) {
    for (const std::byte value : tensors.bytes(entry)) sum += static_cast<unsigned>(value);
  }
  hearth::fuzz::require(sum < ~0u, "all bytes can be read");
}
