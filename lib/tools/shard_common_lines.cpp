// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_common_lines.h"

#include "lib/text/boilerplate/common_lines.h"

namespace hearth::tools::shard {

void add_boilerplate_options(Command& command, BoilerplateOptions& options) {
  command
      .option("common-lines", &options.action, "WHAT",
              "what becomes of lines of prose that many documents of one source (an input and the folder below it, an "
              "archive, a file of records) share, as headers, footers and cookie notes: cut them, tag the documents "
              "with their number, or keep them")
      .one_of({"cut", "tag", "keep"});
  command
      .option("common-line-count", &options.least_documents, "N",
              "least documents of a source that share a common line")
      .range(2, 1'000'000'000);
  command.option("common-line-share", &options.least_share, "F", "least share of the source's documents that hold it")
      .range(0, 1);
}

std::unique_ptr<text::CorpusStage> make_common_lines(const BoilerplateOptions& options, std::uint64_t memory_bytes,
                                                     const std::filesystem::path& folder) {
  if (options.action == "keep") return nullptr;
  text::boilerplate::CommonLineOptions lines;
  lines.least_documents = options.least_documents;
  lines.least_share = options.least_share;
  lines.tag = options.action == "tag";
  lines.memory_bytes = memory_bytes;
  lines.folder = folder;
  return std::make_unique<text::boilerplate::CommonLines>(std::move(lines));
}

}  // namespace hearth::tools::shard
