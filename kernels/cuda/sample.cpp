// SPDX-License-Identifier: Apache-2.0
#include "kernels/backend.h"

namespace hearth::kernels::cuda {

void sample(Stream&, const SampleArgs&) {
  throw Error(Kind::config, "tokens are chosen on the host: bring the logits there first");
}

}  // namespace hearth::kernels::cuda
