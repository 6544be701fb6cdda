// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_stages.h"

#include <utility>

#include "lib/comm/mesh.h"
#include "lib/text/filters.h"
#include "lib/tools/shard_classifier.h"
#include "lib/tools/shard_common_lines.h"
#include "lib/tools/shard_dedup.h"
#include "lib/tools/shard_licences.h"
#include "lib/tools/shard_perplexity.h"
#include "lib/tools/shard_privacy.h"
#include "lib/tools/shard_quality.h"

namespace hearth::tools::shard {

Stages stages_of(const Options& options, const std::filesystem::path& folder, Context& context) {
  Stages stages;
  stages.document.push_back(make_privacy_stage(options.privacy));
  stages.document.push_back(make_licence_stage(options.licences, options.inputs, options.files_from));
  stages.document.push_back(std::make_unique<text::LengthFilter>(options.min_chars));
  add_quality_stages(options.quality, stages.document);
  if (auto stage = make_classifier_stage(options.classifier, options.quality.action == "reject")) {
    stages.document.push_back(std::move(stage));
  }
  if (auto stage = make_decontamination(options.duplicates, options.min_chars)) {
    stages.document.push_back(std::move(stage));
  }
  if (auto stage = make_perplexity_stage(options.perplexity, options.quality.action == "reject", context)) {
    stages.document.push_back(std::move(stage));
  }
  stages.corpus = make_duplicate_stages(options.duplicates, folder);
  if (auto stage = make_common_lines(options.boilerplate, options.duplicates.memory_bytes, folder))
    stages.corpus.push_back(std::move(stage));
  return stages;
}

std::size_t Stages::n_alone() const {
  std::size_t n = 0;
  while (n < document.size() && !document[n]->together()) ++n;
  return n;
}

std::vector<std::string> Stages::names() const {
  std::vector<std::string> all;
  for (const auto& stage : document) all.emplace_back(stage->name());
  for (const auto& stage : corpus) all.emplace_back(stage->name());
  return all;
}

}  // namespace hearth::tools::shard
