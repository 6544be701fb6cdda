// SPDX-License-Identifier: Apache-2.0
#include "lib/nn/objective.h"

namespace hearth::nn {

Objective cross_entropy(double normaliser, float z_loss) { return {normaliser, z_loss, {}}; }

}  // namespace hearth::nn
