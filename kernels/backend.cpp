// SPDX-License-Identifier: Apache-2.0
#include "kernels/backend.h"

#include "kernels/cuda_backend.h"

namespace hearth::kernels {

const Backend& backend_of(const Stream& stream) {
  if (!stream.is_host()) return cuda_backend();
  return stream.host_kernels() == HostKernels::ref ? ref::backend : cpu::backend;
}

std::size_t scratch_bytes(const Device& device, const ScratchNeeds& needs) {
  return device.is_host() ? 0 : cuda_scratch_bytes(needs);
}

}  // namespace hearth::kernels
