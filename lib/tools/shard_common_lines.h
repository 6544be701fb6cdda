// SPDX-License-Identifier: Apache-2.0
// shard's options about lines that many documents of a source share, and the stage they make.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "lib/base/options.h"
#include "lib/text/corpus_stage.h"

namespace hearth::tools::shard {

struct BoilerplateOptions {
  std::string action = "keep";
  std::uint64_t least_documents = 10;
  double least_share = 0.3;
};

void add_boilerplate_options(Command& command, BoilerplateOptions& options);

// Null when common lines are kept. memory_bytes: to sort in; temporary files lie in folder, empty: the system's.
std::unique_ptr<text::CorpusStage> make_common_lines(const BoilerplateOptions& options, std::uint64_t memory_bytes,
                                                     const std::filesystem::path& folder);

}  // namespace hearth::tools::shard
