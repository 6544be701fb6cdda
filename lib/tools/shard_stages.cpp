// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_stages.h"

#include "lib/text/dedup/exact.h"
#include "lib/text/filters.h"

namespace hearth::tools::shard {

Stages stages_of(const Options& options) {
  Stages stages;
  stages.document.push_back(std::make_unique<text::LengthFilter>(options.min_chars));
  stages.corpus.push_back(std::make_unique<text::dedup::ExactDuplicates>());
  return stages;
}

std::vector<std::string> Stages::names() const {
  std::vector<std::string> all;
  for (const auto& stage : document) all.emplace_back(stage->name());
  for (const auto& stage : corpus) all.emplace_back(stage->name());
  return all;
}

}  // namespace hearth::tools::shard
