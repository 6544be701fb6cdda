// SPDX-License-Identifier: Apache-2.0
// Attention on tensor cores: bf16, heads of up to 256 elements (192 with values of 128) in multiples of eight.
#pragma once
#include <type_traits>

#include "kernels/attention.h"

namespace hearth::kernels::cuda {

// False where the operands are not for it: nothing was done.
bool attention_fast(Stream& stream, const AttentionArgs& args);
bool attention_backward_fast(Stream& stream, const AttentionBackwardArgs& args);

// body(depth, width), the sizes of tiles that hold the head's; false where there are none.
template <class Body>
bool by_head_size(const Tensor& q, const Tensor& k, const Tensor& v, const Body& body) {
  const std::int64_t head_dim = q.shape[2], v_dim = v.shape[2];
  for (const Tensor& each : {q, k, v}) {
    if (reinterpret_cast<std::uintptr_t>(each.data) % 16 != 0) return false;
  }
  if (q.dtype != DType::bf16 || head_dim % 8 != 0 || v_dim % 8 != 0 || head_dim > 256 || v_dim > 256) return false;
  using std::integral_constant;
  if (head_dim <= 64 && v_dim <= 64)
    body(integral_constant<int, 64>{}, integral_constant<int, 64>{});
  else if (head_dim <= 128 && v_dim <= 128)
    body(integral_constant<int, 128>{}, integral_constant<int, 128>{});
  else if (head_dim <= 192 && v_dim <= 128)
    body(integral_constant<int, 192>{}, integral_constant<int, 128>{});
  else
    body(integral_constant<int, 256>{}, integral_constant<int, 256>{});
  return true;
}

}  // namespace hearth::kernels::cuda
