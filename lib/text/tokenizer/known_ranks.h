// SPDX-License-Identifier: Apache-2.0
// What the published files of ranks leave unsaid: their regular expression and their special tokens.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/text/tokenizer/patterns.h"

namespace hearth::text {

using SpecialIds = std::vector<std::pair<std::uint32_t, std::string>>;  // ascending

struct KnownRanks {
  std::string_view sha256;  // of the file
  Pattern pattern;
  bool nfc;  // the family's own code normalises before it encodes
  SpecialIds (*special)();
};

const KnownRanks* known_ranks(std::string_view sha256);  // nullptr: not known

}  // namespace hearth::text
