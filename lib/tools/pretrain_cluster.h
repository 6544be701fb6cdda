// SPDX-License-Identifier: Apache-2.0
// hearth pretrain --dry-run --nodes N: what a run would take on a cluster that is not at hand, and which mesh to use.
#pragma once
#include "lib/tools/pretrain.h"

namespace hearth::tools {

// Prints the plan (--json: hearth.pretrain.cluster/1). Returns 0, or 1 when no mesh fits into the GPUs' memory. Throws
// Error{usage} for options that do not go with --nodes.
int plan_cluster(const PretrainOptions& options, const Context& context);

}  // namespace hearth::tools
