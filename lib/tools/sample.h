// SPDX-License-Identifier: Apache-2.0
// hearth sample: text from a model, to see what it has learned. Small and slow on purpose; serving is another tool.
#pragma once
#include <string>
#include <vector>

#include "lib/base/options.h"
#include "lib/tools/tool.h"

namespace hearth::tools::sample {

struct Options {
  CommonOptions common;
  std::string model;
  std::string prompt;
  std::string dtype = "fp32";
  std::int64_t max_tokens = 200;
  double temperature = 0.8, top_p = 1;
  int top_k = 0;
  bool keep_going = false;
};

// Prints the prompt and its continuation as it comes, or one JSON object.
int run(const Options& options, Context& context);

Command sample_command(const std::vector<std::string>& argv);

}  // namespace hearth::tools::sample
