// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_extract.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "lib/base/child_worker.h"
#include "lib/text/isolation/protocol.h"

namespace hearth::tools::shard {

void add_parser_options(Command& command, ParserOptions& options) {
  command.group("Parsers, each in a process of its own");
  command.option("extract", &options.rules, "EXT=COMMAND",
                 "give files whose name ends in .EXT to COMMAND, which prints their text: on its standard input, or as "
                 "a path where a word of COMMAND is {}; it is split at spaces, no shell reads it; may be repeated");
  command.group("Limits of a parser (rarely needed)");
  command
      .option("extract-timeout", &options.timeout_s, "S",
              "most seconds of processor time that a parser may take for a file; it may last twice that")
      .range(0.01, 86400);
  command
      .size("extract-memory", &options.memory_bytes, "SIZE",
            "most memory of a parser; of shard's own more where --max-document-bytes is above 16M")
      .range(16u << 20, 1ull << 40);
}

text::ExtractOptions extract_options(const ParserOptions& options) {
  text::ExtractOptions extract;
  for (const std::string& rule : options.rules) extract.parsers.push_back(text::external_parser(rule));
  extract.limits.cpu_s = options.timeout_s;
  extract.limits.wall_s = 2 * options.timeout_s;
  extract.limits.memory_bytes = options.memory_bytes;
  extract.temporary_folder = std::filesystem::temp_directory_path();
  return extract;
}

std::unique_ptr<text::ParserWorkers> parser_workers(const ParserOptions& options, std::uint64_t max_document_bytes) {
  constexpr std::uint64_t own_program_bytes = 128u << 20;  // of address space, with its libraries: twice what it is
  constexpr std::uint64_t usual_document_bytes = 16u << 20, memory_per_byte = 40;  // the tree of an HTML page, and it
  const std::uint64_t above = max_document_bytes - std::min(max_document_bytes, usual_document_bytes);
  ChildLimits limits = extract_options(options).limits;
  limits.memory_bytes += own_program_bytes + memory_per_byte * above;
  limits.output_bytes += 2 * above;
  return std::make_unique<text::ParserWorkers>(std::vector<std::string>{own_executable(), parser_worker_word}, limits);
}

Command parser_worker_command() {
  Command command("shard", "documents and source code to a documents file");
  Command worker(std::string("shard ") + parser_worker_word, "answers shard's requests to parse; not for people");
  worker.run = [](const Command&) { return text::serve_parsers(0, 1); };
  command.subcommand(std::move(worker));
  return command;
}

}  // namespace hearth::tools::shard
