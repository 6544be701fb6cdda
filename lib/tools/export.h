// SPDX-License-Identifier: Apache-2.0
// hearth export: a model to a Hugging Face folder, back to a hearth run, and the check of such a folder.
#pragma once
#include <string>
#include <vector>

#include "lib/base/options.h"
#include "lib/tools/tool.h"

namespace hearth::tools::exporting {  // "export" is a keyword

struct Options {
  CommonOptions common;
  std::string model, to, output;
  std::string dtype = "same";
  std::uint64_t max_shard_bytes = 5ull << 30;
  std::string verify;
  double tolerance = 1e-4;
};

// Writes the folder, or compares one with its parity file: returns 0, or 1 when they differ.
int run(const Options& options, Context& context);

Command export_command(const std::vector<std::string>& argv);

}  // namespace hearth::tools::exporting
