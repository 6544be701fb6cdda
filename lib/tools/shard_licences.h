// SPDX-License-Identifier: Apache-2.0
// shard's options about licences, and the stage they make.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "lib/base/options.h"
#include "lib/text/licences/licence_stage.h"

namespace hearth::tools::shard {

void add_licence_options(Command& command, text::licences::LicenceOptions& options);

// inputs: as given to the tool, "-" and files_from being lists of files. Throws as LicenceStage does.
std::unique_ptr<text::DocumentStage> make_licence_stage(const text::licences::LicenceOptions& options,
                                                        std::vector<std::string> inputs, const std::string& files_from);

}  // namespace hearth::tools::shard
