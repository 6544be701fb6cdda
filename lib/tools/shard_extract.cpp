// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_extract.h"

#include <filesystem>

namespace hearth::tools::shard {

void add_parser_options(Command& command, ParserOptions& options) {
  command.group("Parsers in processes of their own (pdftotext, and those you bring)");
  command.option("extract", &options.rules, "EXT=COMMAND",
                 "give files whose name ends in .EXT to COMMAND, which prints their text: on its standard input, or as "
                 "a path where a word of COMMAND is {}; it is split at spaces, no shell reads it; may be repeated");
  command
      .option("extract-timeout", &options.timeout_s, "S",
              "most seconds of processor time that a parser may take for a file; it may last twice that")
      .range(0.01, 86400);
  command.size("extract-memory", &options.memory_bytes, "SIZE", "most memory of a parser").range(16u << 20, 1ull << 40);
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

}  // namespace hearth::tools::shard
