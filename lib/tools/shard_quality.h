// SPDX-License-Identifier: Apache-2.0
// shard's options on quality, and the stages they ask for; `shard rules` prints the rules there are.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "lib/base/options.h"
#include "lib/text/quality/quality_options.h"
#include "lib/text/stage.h"

namespace hearth::tools::shard {

void add_quality_options(Command& command, text::QualityOptions& options);

// Appends the stages in the order they run: language, rules. Throws Error{usage} for names that are not known.
void add_quality_stages(const text::QualityOptions& options, std::vector<std::unique_ptr<text::DocumentStage>>& stages);

Command build_rules_command(const std::vector<std::string>& argv);

}  // namespace hearth::tools::shard
