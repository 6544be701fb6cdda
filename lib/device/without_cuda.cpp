// SPDX-License-Identifier: Apache-2.0
#include "lib/device/cuda_api.h"

namespace hearth {

const DeviceApi& cuda_api(int) {
  throw Error(Kind::unavailable,
              "this hearth was built without CUDA: build it with a cuda-* preset, or use --device cpu");
}

std::vector<Library> cuda_facts() {
  return {};
}

int cuda_gpus() {
  return 0;
}

void cuda_reduce_in_order(void*, bool, DType, const OrderedPieces&, std::int64_t, std::byte*) {
  cuda_api(0);
}

}  // namespace hearth
