// SPDX-License-Identifier: Apache-2.0
#include "lib/text/quality/line_rules.h"

#include <algorithm>
#include <cmath>

#include "lib/text/encoding.h"
#include "lib/text/quality/text_statistics.h"

namespace hearth::text {
namespace {

constexpr std::string_view policy_phrases[] = {"terms of use", "privacy policy", "cookie policy",
                                               "uses cookies", "use of cookies", "use cookies"};
constexpr std::string_view javascript_word = "javascript", lorem_words = "lorem ipsum";

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string_view trim_line(std::string_view line) {
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  return line;
}

std::string lower_ascii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(c + ((c >= 'A') & (c <= 'Z') ? 32 : 0));
  return lower;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool mentions_policy(std::string_view lower) {
  return std::ranges::any_of(policy_phrases, [&](std::string_view phrase) { return contains(lower, phrase); });
}

// Length of "[12]", "[]", "[edit]" or "[citation needed]" at text[at] == '[', or 0.
std::size_t citation_at(std::string_view text, std::size_t at) {
  for (const std::string_view literal : {"[edit]", "[citation needed]"}) {
    if (text.substr(at).starts_with(literal)) return literal.size();
  }
  std::size_t end = at + 1;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  return end < text.size() && text[end] == ']' ? end + 1 - at : 0;
}

std::string without_citations(std::string_view line, std::uint64_t& n) {
  std::string kept;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t length = line[at] == '[' ? citation_at(line, at) : 0;
    n += length > 0 ? 1 : 0;
    if (length == 0) kept += line[at];
    at += std::max<std::size_t>(length, 1);
  }
  return kept;
}

struct LineWords {
  double n = 0, longest = 0;  // longest in characters
};

LineWords words_of(std::string_view line) {
  const WordCounts counts = split_words(line, nullptr);
  return {static_cast<double>(counts.n_words), static_cast<double>(counts.longest_characters)};
}

bool ends_like_prose(std::string_view line) {
  return (ends_sentence(line) || line.ends_with('"') || line.ends_with('\'')) && !line.ends_with("...");
}

// One, and one more for each mark of an end that white space or a wide script's next character follows.
std::uint64_t sentences_of(std::string_view line) {
  std::uint64_t n = 1;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t mark = line.find_first_of(".?!\xe3\xef", at);
    if (mark == std::string_view::npos) break;
    at = mark;
    next_code_point(line, at);
    if (at >= line.size() || !ends_sentence(line.substr(mark, at - mark))) continue;
    n += at - mark > 1 || is_blank(line[at]) ? 1 : 0;
  }
  return n;
}

class Pass {
 public:
  Pass(std::string_view text, const LineRules& rules) : text_(text), rules_(rules), lower_(lower_ascii(text)) {
    has_javascript_ = contains(lower_, javascript_word);
    has_lorem_ = contains(lower_, lorem_words);
    has_policy_ = mentions_policy(lower_);
  }

  LineOutcome run() {
    for (std::size_t begin = 0; begin < text_.size();) {
      const std::size_t end = std::min(text_.find('\n', begin), text_.size());
      judge(trim_line(text_.substr(begin, end - begin)));
      begin = end + 1;
    }
    return std::move(outcome_);
  }

 private:
  void judge(std::string_view line) {
    const LineWords words = words_of(line);
    if (words.longest > rules_.most_word_characters) return drop(LineRule::long_words);
    std::string shortened;
    if (rules_.citations && contains(line, "[")) line = shortened = without_citations(line, outcome_.n_citations);
    if (rules_.unpunctuated && !ends_like_prose(line)) return drop(LineRule::unpunctuated);
    if (words.n < rules_.least_words) return drop(LineRule::few_words);
    const bool look = has_javascript_ || has_lorem_ || has_policy_;
    const std::string lower = look ? lower_ascii(line) : std::string();
    outcome_.n_lorem_ipsum += look && contains(lower, lorem_words) ? 1 : 0;
    if (rules_.javascript && look && contains(lower, javascript_word)) return drop(LineRule::javascript);
    outcome_.n_braces += contains(line, "{") ? 1 : 0;
    if (rules_.policy && look && mentions_policy(lower)) return drop(LineRule::policy);
    keep(line);
  }

  void drop(LineRule rule) { ++outcome_.dropped[static_cast<std::size_t>(rule)]; }

  void keep(std::string_view line) {
    if (outcome_.n_kept++ > 0) outcome_.text += '\n';
    outcome_.text += line;
    outcome_.n_sentences += line.empty() ? 0 : sentences_of(line);
  }

  std::string_view text_;
  const LineRules& rules_;
  std::string lower_;
  bool has_javascript_ = false, has_lorem_ = false, has_policy_ = false;
  LineOutcome outcome_;
};

}  // namespace

bool LineRules::any() const {
  return std::isfinite(most_word_characters) || least_words > 0 || citations || unpunctuated || javascript || policy;
}

LineOutcome apply_line_rules(std::string_view text, const LineRules& rules) {
  return Pass(text, rules).run();
}

}  // namespace hearth::text
