// SPDX-License-Identifier: Apache-2.0
// "contaminated": the document holds an n-gram of an evaluation suite (suites.h), so a model trained on it would have
// seen the test. What was hit stands in the rejection's detail, or in the attribute contaminated.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/dedup/suites.h"
#include "lib/text/stage.h"

namespace hearth::text::dedup {

enum class ContaminationAction : std::uint8_t {
  reject,
  cut,  // the n-grams go, the rest stays; a document of nothing else is rejected
  tag,
};

class Decontaminate : public DocumentStage {
 public:
  Decontaminate(SuiteOptions options, ContaminationAction action);
  std::string_view name() const override { return "decontaminate"; }
  // Detail: "humaneval.jsonl:17 and 2 other items: 'the n-gram as it stands in the document'".
  // Counts: contaminated-cut or contaminated-tagged, in passages.
  std::optional<Rejection> decide(Candidate& candidate) const override;
  // Items there are, and of those that were hit, in how many documents: most first, a hundred at most. JSON.
  std::string findings_json() const;

 private:
  std::vector<std::uint32_t> count_items(const std::vector<SuiteIndex::Hit>& hits) const;

  SuiteIndex index_;
  ContaminationAction action_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> n_documents_;  // hit by each item
};

}  // namespace hearth::text::dedup
