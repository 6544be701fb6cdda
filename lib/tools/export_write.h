// SPDX-License-Identifier: Apache-2.0
// The writing half of `hearth export`.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/json.h"
#include "lib/device/context.h"
#include "lib/infer/parity.h"
#include "lib/store/model_source.h"
#include "lib/tools/export.h"

namespace hearth::tools::exporting {

struct Written {
  std::string family;  // "qwen3"; "hearth" for a hearth run
  std::uint64_t bytes = 0;
  std::vector<std::string> files;  // of weights
  double self_check = 0;           // largest difference of logits between the model and what was written
};

// Does all checks and, unless options.common.dry_run, writes options.output: nothing appears there before it is
// complete and gives the model's own logits.
Written write_folder(const Options& options, Context& context);

// Compares folder with its parity file at its own precision (weights as stored, computed in f32).
infer::ParityResult verify_folder(const std::filesystem::path& folder, Context& context);

// README.md of a Hugging Face folder: what it is, how to load and check it.
std::string model_card(const std::string& name, const store::ModelSource& source, const Json& config);

}  // namespace hearth::tools::exporting
