// SPDX-License-Identifier: Apache-2.0
#include "lib/text/quality/quality_filter.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace hearth::text {
namespace {

// In the order of LineRule; the name is also the count's.
constexpr std::string_view line_rule_names[n_line_rules] = {"c4-long-word-lines", "c4-unpunctuated-lines",
                                                            "c4-short-lines", "c4-javascript-lines", "c4-policy-lines"};

LineRules line_rules_of(const RuleSet& rules) {
  LineRules lines;
  lines.most_word_characters = rules.threshold("c4-long-word-lines").value_or(std::numeric_limits<double>::infinity());
  lines.least_words = rules.threshold("c4-short-lines").value_or(0);
  lines.citations = rules.threshold("c4-citations").has_value();
  lines.unpunctuated = rules.threshold("c4-unpunctuated-lines").has_value();
  lines.javascript = rules.threshold("c4-javascript-lines").has_value();
  lines.policy = rules.threshold("c4-policy-lines").has_value();
  return lines;
}

bool any_of_prefix(const RuleSet& rules, std::span<const Rule> among, std::initializer_list<std::string_view> parts) {
  return std::ranges::any_of(among, [&](const Rule& rule) {
    return rules.threshold(rule) && std::ranges::any_of(parts, [&](std::string_view part) {
             return rule.name.find(part) != std::string_view::npos;
           });
  });
}

Wanted wanted_of(const RuleSet& rules, std::span<const Rule> among) {
  return {.pieces = any_of_prefix(rules, among, {"-repeated-line", "-repeated-paragraph"}),
          .grams = any_of_prefix(rules, among, {"-gram"}),
          .stop_words = any_of_prefix(rules, among, {"-stop-words"})};
}

}  // namespace

// What became of one document: in tag mode all broken rules, else the first.
class QualityFilter::Judgement {
 public:
  Judgement(const RuleSet& rules, QualityAction action) : rules_(rules), action_(action) {}

  bool ended() const { return rejection_.has_value(); }

  void judge(std::span<const Rule> among, const Measured& measured) {
    for (const Rule& rule : among) {
      const auto threshold = rules_.threshold(rule);
      if (!threshold || rule.measure == nullptr) continue;
      const double value = rule.measure(measured);
      if (!breaks(rule, value, *threshold)) continue;
      if (action_ == QualityAction::reject) {
        rejection_ = Rejection{std::string(rule.name), describe(rule, value, *threshold)};
        return;
      }
      note(rule.name);
    }
  }
  void reject(Rejection rejection) { rejection_ = std::move(rejection); }
  void note(std::string_view rule) { broken_.push_back(rule); }

  std::optional<Rejection> conclude(Candidate& candidate) {
    if (broken_.empty()) return std::move(rejection_);
    std::string names;
    for (const std::string_view rule : broken_) {
      names.append(names.empty() ? "[\"" : "\",\"").append(rule);
      candidate.counts.emplace_back(rule, 1);
    }
    add_attribute(candidate.document, "broken_rules", names + "\"]");
    return std::nullopt;
  }

 private:
  const RuleSet& rules_;
  QualityAction action_;
  std::optional<Rejection> rejection_;
  std::vector<std::string_view> broken_;
};

QualityFilter::QualityFilter(RuleSet rules, QualityAction action)
    : rules_(std::move(rules)),
      action_(action),
      wanted_(wanted_of(rules_, prose_rules())),
      wanted_remaining_(wanted_of(rules_, line_and_remaining_rules())),
      line_rules_(line_rules_of(rules_)),
      has_prose_(rules_.any(prose_rules())),
      has_remaining_(rules_.any(line_and_remaining_rules())),
      reads_lines_(any_of_prefix(rules_, line_and_remaining_rules(), {"c4-"})),
      has_code_(rules_.any(code_rules())) {}

std::optional<Rejection> QualityFilter::decide(Candidate& candidate) const {
  Judgement judgement(rules_, action_);
  const std::string& type = candidate.document.type;
  if (type == "xlsx" || type == "ods") return std::nullopt;  // tables: no rule of prose or code is meant for them
  if (type == "code") {
    judge_code(candidate, judgement);
  } else {
    judge_prose(candidate, judgement);
  }
  return judgement.conclude(candidate);
}

void QualityFilter::judge_code(const Candidate& candidate, Judgement& judgement) const {
  if (!has_code_) return;
  const CodeStatistics code =
      measure_code(candidate.document.text, candidate.document.language, candidate.document.source);
  judgement.judge(code_rules(), {.code = &code});
}

void QualityFilter::judge_prose(Candidate& candidate, Judgement& judgement) const {
  std::string& text = candidate.document.text;
  const std::string_view language = candidate.natural_language;
  TextStatistics statistics;
  if (has_prose_ || has_remaining_) {
    Wanted wanted = wanted_;
    wanted.pieces = wanted.pieces || wanted_remaining_.pieces;
    statistics = measure_text(text, language, wanted);
  }
  if (has_prose_) judgement.judge(prose_rules(), {.text = &statistics});
  if (!has_remaining_ || judgement.ended()) return;
  LineOutcome outcome;
  if (reads_lines_) {
    outcome = apply_line_rules(text, line_rules_);
    if (outcome.text != text) statistics = measure_text(outcome.text, language, wanted_remaining_);
  }
  judgement.judge(line_and_remaining_rules(), {.text = &statistics, .lines = &outcome});
  if (!line_rules_.any() || judgement.ended()) return;
  if (action_ == QualityAction::reject && outcome.text.empty())
    return judgement.reject({"c4-no-lines", "no line is left by the rules on lines"});
  for (std::size_t rule = 0; rule < n_line_rules; ++rule) {
    if (outcome.dropped[rule] == 0) continue;
    if (action_ == QualityAction::tag) {
      judgement.note(line_rule_names[rule]);
    } else {
      candidate.counts.emplace_back(line_rule_names[rule], outcome.dropped[rule]);
    }
  }
  if (action_ == QualityAction::reject) text = std::move(outcome.text);
}

}  // namespace hearth::text
