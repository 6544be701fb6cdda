// SPDX-License-Identifier: Apache-2.0
#include "lib/device/cuda_api.h"

namespace hearth {

const DeviceApi& cuda_api(int) {
  throw Error(Kind::unavailable,
              "this hearth was built without CUDA: build it with a cuda-* preset, or use --device cpu");
}

std::vector<Library> cuda_facts() { return {}; }

}  // namespace hearth
