// SPDX-License-Identifier: Apache-2.0
// How many bytes of scratch memory each op takes: used by the op, and by the plan of them all (scratch.cu). Each is
// defined beside its op.
#pragma once
#include <cstddef>
#include <cstdint>

#include "lib/base/dtype.h"

namespace hearth::kernels::cuda {

std::size_t attention_backward_scratch(std::int64_t tokens, std::int64_t q_heads);
// At most, forward or backward, however many sequences the tokens fall into; head_dim the wider of keys and values.
std::size_t attention_dnn_scratch(std::int64_t tokens, std::int64_t q_heads, std::int64_t head_dim);
std::size_t router_backward_scratch(std::int64_t tokens, std::int64_t sequences, std::int64_t experts);
std::size_t moe_sort_scratch(std::int64_t choices, std::int64_t experts);
// Of grouped_gemm_input_gradient with a glu: in and out as the weight has them.
std::size_t expert_gradient_scratch(std::int64_t rows, std::int64_t in, DType dtype, bool on_tensor_cores);
// At most, of a mixture's layer by cuBLASLt.
std::size_t grouped_blas_scratch(std::int64_t rows, std::int64_t hidden, std::int64_t expert_ffn);
std::size_t sum_scratch(std::int64_t elements);

}  // namespace hearth::kernels::cuda
