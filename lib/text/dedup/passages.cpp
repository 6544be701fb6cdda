// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/passages.h"

#include <algorithm>
#include <cstdint>

namespace hearth::text::dedup {
namespace {

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Lines that end in the white space [begin, end) of text.
std::size_t n_line_ends(std::string_view text, std::size_t begin, std::size_t end) {
  return static_cast<std::size_t>(std::count(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                             text.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
}

}  // namespace

Range with_space(std::string_view text, std::size_t begin, std::size_t end) {
  std::size_t before = begin, behind = end;
  while (before > 0 && is_space(text[before - 1])) --before;
  while (behind < text.size() && is_space(text[behind])) ++behind;
  if (before == 0) return {0, behind};
  if (behind == text.size()) return {before, behind};
  if (before == begin || behind == end) return {begin, end};
  if (n_line_ends(text, before, begin) < n_line_ends(text, end, behind)) return {before, end};
  return {begin, behind};
}

std::vector<Range> merged(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
  std::vector<Range> apart;
  for (const Range& range : ranges) {
    if (apart.empty() || range.begin > apart.back().end) {
      apart.push_back(range);
    } else {
      apart.back().end = std::max(apart.back().end, range.end);
    }
  }
  return apart;
}

std::string without(std::string_view text, const std::vector<Range>& ranges) {
  std::string left;
  std::uint64_t at = 0;
  for (const Range& range : ranges) {
    left += text.substr(at, range.begin - at);
    at = range.end;
  }
  return left.append(text.substr(at));
}

}  // namespace hearth::text::dedup
