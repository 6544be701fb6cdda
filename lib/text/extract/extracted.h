// SPDX-License-Identifier: Apache-2.0
// What the reader of one format makes of a file: its text and what the file says of itself. Each format has one such
// pure function, from bytes to this or to a rejection, so that it can be fuzzed alone.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::text {

struct Extracted {
  std::string text;                                             // valid UTF-8, not normalised
  std::vector<std::pair<std::string, std::string>> attributes;  // name, value as JSON
};

}  // namespace hearth::text
