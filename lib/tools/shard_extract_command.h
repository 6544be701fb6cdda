// SPDX-License-Identifier: Apache-2.0
// hearth shard extract: the texts that files would give, printed, to see what the readers of formats make of them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lib/text/extract.h"
#include "lib/tools/shard_containers.h"
#include "lib/tools/shard_extract.h"
#include "lib/tools/tool.h"

namespace hearth::tools::shard {

struct ExtractCommandOptions {
  CommonOptions common;
  std::vector<std::string> inputs;
  bool json = false;
  text::RecordFields fields;
  ContainerOptions containers;
  ParserOptions parsers;
  std::uint64_t max_document_bytes = 16u << 20;
};

// Prints the text of each document in the inputs, or with json a line for each, rejected ones too. Extraction alone: no
// stage judges or changes a text. Returns 65 when no document gives one. Throws Error{missing} for an input that is not
// there.
int run_extract(const ExtractCommandOptions& options, Context& context);

Command extract_command(const std::vector<std::string>& argv);

}  // namespace hearth::tools::shard
