// SPDX-License-Identifier: Apache-2.0
// What decides the result of a run but its inputs: two runs with one plan go on with each other's work.
#pragma once
#include "lib/base/json.h"
#include "lib/device/context.h"
#include "lib/tools/shard.h"

namespace hearth::tools::shard {

// The program, all options but those that only say how it goes (memory, too), and the content of the files that options
// name. Error{missing} and Error{data} for a file of --against that is not there or broken.
Json plan_of(const Options& options, const Context& context);

}  // namespace hearth::tools::shard
