// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda_backend.h"

namespace hearth::kernels {

const Backend& cuda_backend() { throw Error(Kind::unavailable, "this hearth was built without CUDA"); }

std::size_t cuda_scratch_bytes(const ScratchNeeds&) { return 0; }

Library cuda_blas() { throw Error(Kind::unavailable, "this hearth was built without CUDA"); }
Library cuda_dnn() {
  throw Error(Kind::unavailable, "this hearth was built without CUDA");
}

}  // namespace hearth::kernels
