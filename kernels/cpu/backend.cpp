// SPDX-License-Identifier: Apache-2.0
#include "kernels/backend.h"

#include "kernels/ref/ops.h"

namespace hearth::kernels {

namespace cpu {
const Backend backend = ref::backend;
}
bool bf16_is_native() {
  return __builtin_cpu_supports("avx512bf16");
}

}  // namespace hearth::kernels
