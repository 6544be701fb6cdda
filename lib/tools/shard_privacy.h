// SPDX-License-Identifier: Apache-2.0
// shard's options about what is personal or secret, and the stage they make.
#pragma once
#include <memory>

#include "lib/base/options.h"
#include "lib/text/privacy/masking.h"

namespace hearth::tools::shard {

void add_privacy_options(Command& command, text::privacy::PrivacyOptions& options);

// Comes before all other document stages, so that these see masked texts. Throws as PrivacyStage does.
std::unique_ptr<text::DocumentStage> make_privacy_stage(const text::privacy::PrivacyOptions& options);

}  // namespace hearth::tools::shard
