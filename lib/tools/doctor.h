// SPDX-License-Identifier: Apache-2.0
// hearth doctor: what this machine and this installation can do, each thing tried rather than looked up.
#pragma once
#include <string>
#include <vector>

#include "lib/base/options.h"
#include "lib/tools/tool.h"

namespace hearth::tools::doctor {

struct Options {
  CommonOptions common;
  std::string heartbeats;  // the folder of a run to tell the end of; empty: check the machine
};

// Prints a table (or JSON); returns 0, or 69 when a check failed.
int run(const Options& options, Context& context);

// The same machines as training among many ranks meets them: each measures while the others do, and what falls behind
// the rest is named. Returns 0; 1 when a node is slow; 69 when kernels are wrong on one. Collective.
int run_among_ranks(const Options& options, Context& context);

// From the heartbeats of a run that hung or died, the ranks that were the cause: a line each. Returns 0.
int tell_heartbeats(const Options& options, Context& context);

Command doctor_command(const std::vector<std::string>& argv);

}  // namespace hearth::tools::doctor
