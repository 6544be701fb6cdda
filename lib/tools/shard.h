// SPDX-License-Identifier: Apache-2.0
// hearth shard: files and folders to a documents file; `shard cat` prints one as JSON lines.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/options.h"
#include "lib/text/classify/classifier_stage.h"
#include "lib/text/licences/licence_stage.h"
#include "lib/text/privacy/masking.h"
#include "lib/text/quality/quality_options.h"
#include "lib/tools/shard_common_lines.h"
#include "lib/tools/shard_containers.h"
#include "lib/tools/shard_dedup.h"
#include "lib/tools/shard_extract.h"
#include "lib/tools/shard_pack.h"
#include "lib/tools/shard_perplexity.h"
#include "lib/tools/tool.h"

namespace hearth::tools::shard {

struct Options {
  CommonOptions common;
  std::vector<std::string> inputs;
  std::string output;
  std::string files_from;
  bool no_gitignore = false;
  std::string text_field = "text", id_field;
  std::string on_bad_line = "skip";
  CodeOptions code;
  ContainerOptions containers;
  ParserOptions parsers;
  std::uint64_t min_chars = 50;
  std::uint64_t max_document_bytes = 16u << 20;
  double validation_fraction = 0.01, test_fraction = 0.01;
  DuplicateOptions duplicates;
  BoilerplateOptions boilerplate;
  text::privacy::PrivacyOptions privacy;
  text::licences::LicenceOptions licences;
  std::string resume = "auto";
  text::QualityOptions quality;
  text::classify::ClassifierOptions classifier;
  PerplexityOptions perplexity;
  std::string html;  // where the report goes; empty: none
};

// Writes options.output and prints what became of the documents. Works in OUTPUT.work, which is removed at the end;
// asked to stop by a signal it keeps what was read there and returns 75, to go on when it is called again. Throws
// Error{missing} for an input that is not there, Error{data} when no document is left (or, with on_bad_line "fail", at
// the first broken line), Error{config} when OUTPUT.work is of a run with other options, Error{cannot_create} and
// Error{io} for the output.
int run(const Options& options, Context& context);

struct CatOptions {
  CommonOptions common;
  std::string input;
  std::string split = "all";
  bool rejected = false, stats = false;
  std::uint64_t limit = 0;  // 0: all
};

// Prints documents (or rejected ones, or statistics) to stdout, as they lie in the file.
int run_cat(const CatOptions& options, Context& context);

// The tool's command; a word in front ("cat", "extract", "forget", "rules", "train-classifier") makes it the other one.
Command shard_command(const std::vector<std::string>& argv);

}  // namespace hearth::tools::shard
