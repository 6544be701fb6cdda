// SPDX-License-Identifier: Apache-2.0
// shard's options about what comes twice, in the corpus or in evaluation suites, and the stages they make.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/options.h"
#include "lib/text/corpus_stage.h"

namespace hearth::tools::shard {

struct DuplicateOptions {
  std::string near = "reject", near_keep = "first", repeated = "cut";
  double near_threshold = 0.7;
  std::uint64_t repeated_tokens = 50;
  bool repeated_code = false;
  std::uint64_t memory_bytes = 1u << 30;
  std::vector<std::string> against;  // documents files whose texts are not to come again
  std::vector<std::string> suites, suite_fields;
  std::uint64_t suite_ngram = 13;
  std::string contamination_action = "reject";
};

void add_duplicate_options(Command& command, DuplicateOptions& options);

// The stage that looks for evaluation suites, or null without any. Throws as SuiteIndex does.
std::unique_ptr<text::DocumentStage> make_decontamination(const DuplicateOptions& options,
                                                          std::uint64_t least_characters);

// Exact duplicates, near ones, repeated passages: those that are asked for, in this order. Temporary files lie in
// folder; empty: the system's.
std::vector<std::unique_ptr<text::CorpusStage>> make_duplicate_stages(const DuplicateOptions& options,
                                                                      const std::filesystem::path& folder);

}  // namespace hearth::tools::shard
