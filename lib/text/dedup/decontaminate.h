// SPDX-License-Identifier: Apache-2.0
// "contaminated": the document holds an n-gram of an evaluation suite (suites.h), so a model trained on it would have
// seen the test. What was hit stands in the rejection's detail, or in the attribute contaminated.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/dedup/suites.h"
#include "lib/text/stage.h"

namespace hearth::text::dedup {

enum class ContaminationAction : std::uint8_t {
  reject,
  cut,  // the n-grams go, the rest stays; a document of little else is rejected
  tag,
};

class Decontaminate : public DocumentStage {
 public:
  // After a cut at least least_characters (code points) are to be left, white space at both ends not counted.
  Decontaminate(SuiteOptions options, ContaminationAction action, std::uint64_t least_characters);
  std::string_view name() const override { return "decontaminate"; }
  // Detail: "humaneval.jsonl:17 and 2 other items: 'the n-gram as it stands in the document'".
  // Counts: contaminated-cut or contaminated-tagged, in passages. Tallies: each item hit, by how many n-grams.
  std::optional<Rejection> decide(Candidate& candidate) const override;
  std::string findings_json() const override;  // items there are, those too short to be found, n-grams

 private:
  std::vector<std::uint32_t> tally_items(const std::vector<SuiteIndex::Hit>& hits, Candidate& candidate) const;

  SuiteIndex index_;
  ContaminationAction action_;
  std::uint64_t least_characters_;
};

}  // namespace hearth::text::dedup
