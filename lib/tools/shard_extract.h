// SPDX-License-Identifier: Apache-2.0
// shard's options for the programs that parse files in its place.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/options.h"
#include "lib/text/extract/external.h"
#include "lib/text/isolation/workers.h"

namespace hearth::tools::shard {

struct ParserOptions {
  std::vector<std::string> rules;  // EXT=COMMAND
  double timeout_s = 60;
  std::uint64_t memory_bytes = 1u << 30;
};

void add_parser_options(Command& command, ParserOptions& options);

// Throws Error{config} for a rule that is none, or whose program is not in PATH.
text::ExtractOptions extract_options(const ParserOptions& options);

// Workers that are this very program, called with one word (shard_command knows it).
constexpr const char* parser_worker_word = "parser-worker";
std::unique_ptr<text::ParserWorkers> parser_workers(const ParserOptions& options, std::uint64_t max_document_bytes);
Command parser_worker_command();

}  // namespace hearth::tools::shard
