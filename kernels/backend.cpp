// SPDX-License-Identifier: Apache-2.0
#include "kernels/backend.h"

#include "kernels/cuda_backend.h"

namespace hearth::kernels {

const Backend& backend_of(const Stream& stream) {
  if (!stream.is_host()) return cuda_backend();
  return stream.host_kernels() == HostKernels::ref ? ref::backend : cpu::backend;
}

}  // namespace hearth::kernels
