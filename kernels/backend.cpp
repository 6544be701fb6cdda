// SPDX-License-Identifier: Apache-2.0
#include "kernels/backend.h"

namespace hearth::kernels {

const Backend& backend_of(const Stream& stream) {
  return stream.host_kernels() == HostKernels::ref ? ref::backend : cpu::backend;
}

}  // namespace hearth::kernels
