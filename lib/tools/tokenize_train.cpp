// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/tokenizer/side_files.h"
#include "lib/text/tokenizer/tokenizer.h"
#include "lib/text/tokenizer/trainer.h"
#include "lib/tools/tokenize.h"
#include "lib/tools/tokenize_counts.h"

namespace hearth::tools {
namespace {

namespace fs = std::filesystem;

fs::path json_path_of(const std::string& output) {
  if (output.ends_with('/') && !fs::exists(output)) {
    std::error_code error;
    if (!fs::create_directories(output, error)) throw Error(Kind::cannot_create, output + ": " + error.message());
  }
  return fs::is_directory(output) ? fs::path(output) / "tokenizer.json" : fs::path(output);
}

void check_options(const TokenizeTrainOptions& options, const std::vector<std::string>& special, const fs::path& path) {
  if (options.vocab == "bpe" && options.inputs.empty()) {
    throw Error(Kind::usage, "no INPUT: give documents files, or - for text on stdin");
  }
  if (options.vocab == "bytes" && !options.inputs.empty()) {
    throw Error(Kind::usage, "--vocab bytes learns nothing: give no INPUT");
  }
  if (std::find(options.inputs.begin(), options.inputs.end(), "-") != options.inputs.end() &&
      options.inputs.size() > 1) {
    throw Error(Kind::usage, "- stands alone: stdin is not mixed with documents files");
  }
  const auto least = static_cast<std::int64_t>(256 + special.size());
  if (options.vocab == "bpe" && options.vocab_size < least) {
    throw Error(Kind::config, "--vocab-size " + std::to_string(options.vocab_size) + " is too small: 256 bytes and " +
                                  std::to_string(special.size()) + " special tokens are " + std::to_string(least));
  }
  if (std::set<std::string>(special.begin(), special.end()).size() != special.size()) {
    throw Error(Kind::config, "a --special-token is given twice");
  }
  for (const std::string& name : special) {
    if (name.size() < 2)
      throw Error(Kind::config, "the special token '" + name + "' is too short to be told from text");
  }
  require_creatable(path, options.overwrite);
  for (const char* side : {"tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"}) {
    require_creatable(path.parent_path() / side, options.overwrite);
  }
}

void report(const text::Tokenizer& tokenizer, const fs::path& path, const PieceCounting::Seen& seen, double merge_s,
            Context& context) {
  if (context.json) {
    const Json result{{"schema", "hearth.tokenize.train/1"},
                      {"tokenizer", path.string()},
                      {"digest", tokenizer.digest()},
                      {"vocab_size", tokenizer.vocab_size()},
                      {"merges", tokenizer.n_merges()},
                      {"pretokenizer", tokenizer.pretokenizer()},
                      {"documents", seen.n_documents},
                      {"text_bytes", seen.text_bytes},
                      {"pieces_left_out", seen.n_left_out},
                      {"count_seconds", seen.seconds},
                      {"merge_seconds", merge_s}};
    std::printf("%s\n", dump_json(result).c_str());
  } else if (!context.quiet) {
    std::printf("%s: %u ids (%zu merges) from %s of text in %s\n", path.c_str(), tokenizer.vocab_size(),
                tokenizer.n_merges(), human_bytes(static_cast<double>(seen.text_bytes)).c_str(),
                human_seconds(seen.seconds + merge_s).c_str());
  }
}

}  // namespace

int run(const TokenizeTrainOptions& options, Context& context) {
  const std::vector<std::string> special =
      options.special_tokens.empty() ? text::default_special_tokens() : options.special_tokens;
  const fs::path path = json_path_of(options.output);
  check_options(options, special, path);
  PieceCounting::Seen seen;
  double merge_s = 0;
  std::optional<PieceCounting> counting;
  text::Pattern pattern = text::pattern_named(options.pretokenizer);
  text::TrainedVocabulary vocabulary;
  if (options.vocab == "bytes") {
    vocabulary = text::byte_vocabulary();
    pattern = text::Pattern::none;
  } else {
    counting.emplace(options, pattern, path, context);
    const std::vector<text::WordTable> words = counting->count();
    seen = counting->seen();
    const Stopwatch watch;
    const text::TrainSettings settings{static_cast<std::size_t>(options.vocab_size) - special.size(),
                                       options.min_frequency};
    vocabulary = text::train_bpe(words, settings, [&](std::size_t n) {
      counting->stop_if_asked(words);
      context.log.progress("merging: " + std::to_string(n) + " of " + std::to_string(settings.n_tokens) + " tokens");
    });
    context.log.progress_done();
    merge_s = watch.seconds();
    if (vocabulary.tokens.size() < settings.n_tokens) {
      context.log.warning("only " + std::to_string(vocabulary.tokens.size() + special.size()) + " of " +
                          std::to_string(options.vocab_size) + " ids: no pair occurs " +
                          std::to_string(options.min_frequency) +
                          " times any more; give more text or a smaller --vocab-size");
    }
  }
  const text::TokenizerFile file = text::make_tokenizer_file(pattern, std::move(vocabulary), special);
  const text::Tokenizer tokenizer =
      text::Tokenizer::from_json(text::write_tokenizer_json(file), path.string(), special.front());
  tokenizer.write(path);
  if (counting) counting->done();
  report(tokenizer, path, seen, merge_s, context);
  return 0;
}

}  // namespace hearth::tools
