// SPDX-License-Identifier: Apache-2.0
// The stages of a corpus, in the order a document meets them. New ones are added in the .cpp.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "lib/text/corpus_stage.h"
#include "lib/text/stage.h"
#include "lib/tools/shard.h"

namespace hearth::tools::shard {

struct Stages {
  std::vector<std::unique_ptr<text::DocumentStage>> document;
  std::vector<std::unique_ptr<text::CorpusStage>> corpus;
  std::vector<std::string> names() const;  // of the document stages, then of the corpus stages
};

Stages stages_of(const Options& options);

}  // namespace hearth::tools::shard
