// SPDX-License-Identifier: Apache-2.0
#include "kernels/libraries.h"

#include <dnnl.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

namespace hearth::kernels {

std::vector<Library> libraries() {
  const dnnl_version_t* dnnl = dnnl_version();
  const std::int64_t targets = hwy::SupportedTargets();
  const std::string best = hwy::TargetName(targets & -targets);  // the lowest bit is the widest instruction set
  return {{"oneDNN", std::to_string(dnnl->major) + "." + std::to_string(dnnl->minor) + "." + std::to_string(dnnl->patch)},
          {"Highway", std::to_string(HWY_MAJOR) + "." + std::to_string(HWY_MINOR) + "." + std::to_string(HWY_PATCH) + " (" +
                          best + ")"}};
}

}  // namespace hearth::kernels
