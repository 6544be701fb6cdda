// SPDX-License-Identifier: Apache-2.0
// Finds what is personal or secret in a text, in one pass: masks of 64 bytes at a time (byte_masks.h) show the few
// places that may begin something; exact checks (addresses.h, numbers.h, secrets.h, names.h) decide there.
#pragma once
#include <string_view>
#include <vector>

#include "lib/text/privacy/finding.h"
#include "lib/text/privacy/names.h"

namespace hearth::text::privacy {

// In order of place, not overlapping: findings that overlap are joined, and the longest (of equals the one whose kind
// stands first) names the kind. Any bytes may be given; names (or null) need UTF-8 to be found.
std::vector<Finding> find_private(std::string_view text, const NameList* names);

}  // namespace hearth::text::privacy
