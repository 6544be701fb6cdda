// SPDX-License-Identifier: Apache-2.0
#include "kernels/libraries.h"

#include <hwy/highway.h>
#include <hwy/targets.h>

namespace hearth::kernels {

std::vector<Library> libraries() {
  const std::int64_t targets = hwy::SupportedTargets();
  const std::string best = hwy::TargetName(targets & -targets);  // the lowest bit is the widest instruction set
  return {{"Highway", std::to_string(HWY_MAJOR) + "." + std::to_string(HWY_MINOR) + "." + std::to_string(HWY_PATCH) + " (" +
                          best + ")"}};
}

}  // namespace hearth::kernels
