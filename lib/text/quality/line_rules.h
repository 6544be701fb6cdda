// SPDX-License-Identifier: Apache-2.0
// C4's rules on lines (Raffel et al. 2020; Google's c4_utils for what the paper leaves out): lines are trimmed and
// kept or dropped one by one, and what the kept ones hold may condemn the document.
#pragma once
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace hearth::text {

enum class LineRule : std::uint8_t { long_words, unpunctuated, few_words, javascript, policy };
constexpr std::size_t n_line_rules = 5;

// Which rules act; by default none.
struct LineRules {
  double most_word_characters = std::numeric_limits<double>::infinity();
  double least_words = 0;
  bool citations = false;     // "[12]", "[edit]", "[citation needed]" are taken out
  bool unpunctuated = false;  // lines must end in . ? ! " ' or the full stops of other scripts, and not in "..."
  bool javascript = false, policy = false;  // lines that mention them are dropped
  bool any() const;
};

struct LineOutcome {
  std::string text;                                   // the kept lines, joined by line feeds
  std::array<std::uint64_t, n_line_rules> dropped{};  // lines, by LineRule
  std::uint64_t n_citations = 0, n_kept = 0;
  // Of kept lines: sentences (1 + marks of their ends inside), lines with "lorem ipsum", lines with "{".
  std::uint64_t n_sentences = 0, n_lorem_ipsum = 0, n_braces = 0;
};

LineOutcome apply_line_rules(std::string_view text, const LineRules& rules);

}  // namespace hearth::text
