// SPDX-License-Identifier: Apache-2.0
// Taking passages out of a text so that what is left reads on: with one of the two white spaces around each.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/corpus_stage.h"

namespace hearth::text::dedup {

// [begin, end), widened by the white space before or behind it when both are there: the one that separates more stays.
// At an end of the text none stays.
Range with_space(std::string_view text, std::size_t begin, std::size_t end);

// Ranges that overlap or touch as one, in order.
std::vector<Range> merged(std::vector<Range> ranges);

// What is left of text without ranges, which are merged.
std::string without(std::string_view text, const std::vector<Range>& ranges);

}  // namespace hearth::text::dedup
