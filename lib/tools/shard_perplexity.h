// SPDX-License-Identifier: Apache-2.0
// shard's options about a model that scores documents, and the stage: the attribute perplexity, and "perplexity-high"
// or "perplexity-low" for those beyond a threshold.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "lib/base/options.h"
#include "lib/device/context.h"
#include "lib/text/stage.h"

namespace hearth::tools::shard {

struct PerplexityOptions {
  std::string model;                // empty: none
  double most = 0, least = 0;       // 0: no threshold
  std::uint64_t max_tokens = 1024;  // of a document, from its beginning
};

void add_perplexity_options(Command& command, PerplexityOptions& options);

// Null without a model; it rejects, or only scores. Throws as infer::TextScorer; Error{config} for a threshold without
// a model, or thresholds that leave nothing. context outlives it.
std::unique_ptr<text::DocumentStage> make_perplexity_stage(const PerplexityOptions& options, bool reject,
                                                           Context& context);

}  // namespace hearth::tools::shard
