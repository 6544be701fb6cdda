// SPDX-License-Identifier: Apache-2.0
// The stages of a corpus, in the order a document meets them. New ones are added in the .cpp.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lib/device/context.h"
#include "lib/text/corpus_stage.h"
#include "lib/text/stage.h"
#include "lib/tools/shard.h"

namespace hearth::tools::shard {

struct Stages {
  std::vector<std::unique_ptr<text::DocumentStage>> document;  // the last ones perhaps together()
  std::vector<std::unique_ptr<text::CorpusStage>> corpus;
  std::size_t n_alone() const;             // document stages that are not together()
  std::vector<std::string> names() const;  // of the document stages, then of the corpus stages
};

// Temporary files of the stages lie in folder; empty: the system's. Throws for what options name and is not there.
// context outlives them.
Stages stages_of(const Options& options, const std::filesystem::path& folder, Context& context);

}  // namespace hearth::tools::shard
