// SPDX-License-Identifier: Apache-2.0
// The stage that judges documents by rules (rules.h): rules on code for documents of type "code", those on prose for
// all others. It measures a text once for all of its rules, and a second time only when rules on lines changed it.
#pragma once
#include <optional>
#include <string_view>

#include "lib/text/quality/rules.h"
#include "lib/text/stage.h"

namespace hearth::text {

// reject: the first rule broken, in the order of the table, is the reason; lines are dropped by the rules on lines.
// tag: nothing is rejected or changed; the attribute "broken_rules" names all rules broken, and each is counted.
enum class QualityAction : std::uint8_t { reject, tag };

class QualityFilter : public DocumentStage {
 public:
  QualityFilter(RuleSet rules, QualityAction action);
  std::string_view name() const override { return "quality"; }
  std::optional<Rejection> decide(Candidate& candidate) const override;

 private:
  class Judgement;
  void judge_prose(Candidate& candidate, Judgement& judgement) const;
  void judge_code(const Candidate& candidate, Judgement& judgement) const;

  RuleSet rules_;
  QualityAction action_;
  Wanted wanted_, wanted_remaining_;
  LineRules line_rules_;
  bool has_prose_, has_remaining_, reads_lines_, has_code_;
};

}  // namespace hearth::text
