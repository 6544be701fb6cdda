// SPDX-License-Identifier: Apache-2.0
// The part of cuda_bf16.h that kernels/cuda uses, for the SIMT machine.
#pragma once
#include "lib/base/dtype.h"

using __nv_bfloat16 = hearth::bf16;

inline float __bfloat162float(__nv_bfloat16 x) {
  return static_cast<float>(x);
}
inline __nv_bfloat16 __float2bfloat16_rn(float x) {
  return __nv_bfloat16(x);
}
