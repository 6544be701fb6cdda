// SPDX-License-Identifier: Apache-2.0
// shard's options about what is personal or secret, and the stage they make.
#pragma once
#include "lib/base/options.h"
#include "lib/text/privacy/masking.h"

namespace hearth::tools::shard {

void add_privacy_options(Command& command, text::privacy::PrivacyOptions& options);

}  // namespace hearth::tools::shard
