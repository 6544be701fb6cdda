// SPDX-License-Identifier: Apache-2.0
// The reference serves: choosing a token costs far less than the model that made its logits.
#include "kernels/backend.h"

namespace hearth::kernels::cpu {

void sample(Stream& stream, const SampleArgs& args) {
  ref::sample(stream, args);
}

}  // namespace hearth::kernels::cpu
