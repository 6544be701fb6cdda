// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda_backend.h"

namespace hearth::kernels {

const Backend& cuda_backend() {
  return cuda::backend;
}

}  // namespace hearth::kernels
