// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/shard_dedup.h"

#include "lib/text/dedup/decontaminate.h"
#include "lib/text/dedup/exact.h"
#include "lib/text/dedup/near.h"
#include "lib/text/dedup/repeated.h"

namespace hearth::tools::shard {
namespace {

namespace dedup = text::dedup;

void add_suite_options(Command& command, DuplicateOptions& options) {
  command.group("Evaluation suites, which the corpus must not hold");
  command.option("decontaminate", &options.suites, "FILE",
                 "find items of this suite (JSON lines or plain text, an item a line) in documents; may be repeated");
  command.option("decontaminate-field", &options.suite_fields, "NAME",
                 "of JSON items, take this field alone; may be repeated (default: all strings)");
  command.option("decontaminate-ngram", &options.suite_ngram, "N", "words in a row that count as a hit").range(8, 64);
  command
      .option("decontaminate-action", &options.contamination_action, "WHAT",
              "what becomes of a document that holds an item: reject it, cut the words out, or tag it")
      .one_of({"reject", "cut", "tag"});
}

}  // namespace

void add_duplicate_options(Command& command, DuplicateOptions& options) {
  command.group("Duplicates (of equal texts the first is kept, always)");
  command
      .option("near-duplicates", &options.near, "WHAT",
              "what becomes of a document that resembles one that is kept: reject it, tag it (and hold it out with the "
              "other), or keep it unseen")
      .one_of({"reject", "tag", "keep"});
  command
      .option("near-threshold", &options.near_threshold, "S",
              "share of runs of five words in common from which on two documents are near-duplicates")
      .range(0.3, 1);
  command.option("near-keep", &options.near_keep, "WHICH", "the document that stays for its near-duplicates")
      .one_of({"first", "longest"});
  command
      .option("repeated-passages", &options.repeated, "WHAT",
              "what becomes of passages that stand in the corpus before: cut all but the first, or keep them")
      .one_of({"cut", "keep"});
  command.option("repeated-tokens", &options.repeated_tokens, "N", "least words of a repeated passage").range(10, 1000);
  command.flag("repeated-code", &options.repeated_code,
               "cut them from source code too, where headers and tables repeat for good reason");
  command.option(
      "against", &options.against, "FILE",
      "a documents file whose texts are not to come again: a new delivery beside an existing corpus; may be repeated");
  command
      .size("dedup-memory", &options.memory_bytes, "SIZE",
            "most memory of finding duplicates, whatever their number; the rest is done on disk, in OUTPUT.work")
      .range(1 << 20);
  add_suite_options(command, options);
}

std::unique_ptr<text::DocumentStage> make_decontamination(const DuplicateOptions& options,
                                                          std::uint64_t least_characters) {
  if (options.suites.empty()) return nullptr;
  dedup::SuiteOptions suites;
  suites.paths = options.suites;
  suites.fields = options.suite_fields;
  suites.ngram_words = static_cast<std::uint32_t>(options.suite_ngram);
  const auto action = options.contamination_action == "cut"   ? dedup::ContaminationAction::cut
                      : options.contamination_action == "tag" ? dedup::ContaminationAction::tag
                                                              : dedup::ContaminationAction::reject;
  return std::make_unique<dedup::Decontaminate>(std::move(suites), action, least_characters);
}

std::vector<std::unique_ptr<text::CorpusStage>> make_duplicate_stages(const DuplicateOptions& options,
                                                                      const std::filesystem::path& folder) {
  std::vector<std::unique_ptr<text::CorpusStage>> stages;
  stages.push_back(std::make_unique<dedup::ExactDuplicates>(options.memory_bytes, folder));
  if (options.near != "keep") {
    dedup::NearOptions near;
    near.threshold = options.near_threshold;
    near.keep = options.near_keep == "first" ? dedup::Keep::first : dedup::Keep::longest;
    near.action = options.near == "reject" ? dedup::NearAction::reject : dedup::NearAction::tag;
    near.memory_bytes = options.memory_bytes;
    near.folder = folder;
    stages.push_back(std::make_unique<dedup::NearDuplicates>(std::move(near)));
  }
  if (options.repeated != "keep") {
    dedup::RepeatedOptions repeated;
    repeated.least_tokens = static_cast<std::uint32_t>(options.repeated_tokens);
    repeated.code = options.repeated_code;
    repeated.memory_bytes = options.memory_bytes;
    repeated.folder = folder;
    stages.push_back(std::make_unique<dedup::RepeatedPassages>(std::move(repeated)));
  }
  return stages;
}

}  // namespace hearth::tools::shard
