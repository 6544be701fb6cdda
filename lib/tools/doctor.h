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
  std::string folder;  // where temporary files would go; empty: the system's
};

// Prints a table (or JSON); returns 0, or 69 when a check failed.
int run(const Options& options, Context& context);

Command doctor_command(const std::vector<std::string>& argv);

}  // namespace hearth::tools::doctor
