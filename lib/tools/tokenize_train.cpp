// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <set>

#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/tokenizer/side_files.h"
#include "lib/text/tokenizer/tokenizer.h"
#include "lib/text/tokenizer/trainer.h"
#include "lib/text/tokenizer/word_counts.h"
#include "lib/tools/tokenize.h"

namespace hearth::tools {
namespace {

namespace fs = std::filesystem;
using formats::Document;
using formats::DocumentsReader;
using formats::Split;

fs::path json_path_of(const std::string& output) {
  if (output.ends_with('/') && !fs::exists(output)) {
    std::error_code error;
    if (!fs::create_directories(output, error)) throw Error(Kind::cannot_create, output + ": " + error.message());
  }
  return fs::is_directory(output) ? fs::path(output) / "tokenizer.json" : fs::path(output);
}

// What was read to count pieces.
struct Seen {
  std::uint64_t n_documents = 0, text_bytes = 0, n_left_out = 0;
  double seconds = 0;
};

// A document is in the sample when the hash of its id is low: the same ones on every machine, whatever the order.
class Sample {
 public:
  Sample(std::uint64_t wanted_bytes, std::uint64_t corpus_bytes)
      : share_(corpus_bytes <= wanted_bytes ? 1.0
                                            : static_cast<double>(wanted_bytes) / static_cast<double>(corpus_bytes)) {}
  bool takes(const Document& document) const {
    return share_ >= 1.0 || static_cast<double>(hash128(document.id).high) < share_ * 0x1p64;
  }
  double share() const { return share_; }

 private:
  double share_;
};

std::uint64_t text_bytes_of(const std::vector<std::string>& paths) {
  std::uint64_t sum = 0;
  for (const std::string& path : paths) sum += DocumentsReader(path).text_bytes();
  return sum;
}

void count_file(const std::string& path, const std::set<Split>& splits, const Sample& sample,
                text::WordCounter& counter, Seen& seen, Context& context) {
  const DocumentsReader reader(path);
  std::atomic<std::uint64_t> n_documents{0}, text_bytes{0};
  context.pool.for_each(static_cast<std::int64_t>(reader.n_blocks()), [&](std::int64_t block, int thread) {
    tokenize_detail::throw_if_stopped();
    for (const Document& document : reader.read_block(static_cast<std::uint64_t>(block))) {
      if (!splits.contains(document.split) || !sample.takes(document)) continue;
      counter.add(document.text, thread);
      n_documents += 1;
      text_bytes += document.text.size();
    }
    context.log.progress("counting " + path + ": " + human_bytes(static_cast<double>(text_bytes)));
  });
  context.log.progress_done();
  seen.n_documents += n_documents;
  seen.text_bytes += text_bytes;
}

// The last newline between two characters that are surely no white space, the second a letter: no pre-tokenizer's piece
// crosses it or ends elsewhere for what follows, so that cutting there changes no count. Without one, the last newline.
std::size_t last_cut(std::string_view text) {
  for (std::size_t at = text.size() - 1; at-- > 1;) {
    if (text[at] != '\n') continue;
    const auto before = static_cast<unsigned char>(text[at - 1]), next = static_cast<unsigned char>(text[at + 1]);
    const bool ascii_letter = (next | 0x20u) - 'a' < 26, han_or_hangul = next >= 0xE4 && next <= 0xED;
    const bool printable = before > 0x20 && before < 0x7F;
    const bool han_before = at >= 3 && static_cast<unsigned char>(text[at - 3]) >= 0xE4 && before >= 0x80 &&
                            static_cast<unsigned char>(text[at - 3]) <= 0xED;
    if ((ascii_letter || han_or_hangul) && (printable || han_before)) return at;
  }
  return text.rfind('\n');
}

// Plain text on stdin, a line at a time in batches of some megabytes, so that a stream of any length fits.
void count_stdin(text::WordCounter& counter, Seen& seen, Context& context) {
  constexpr std::size_t batch_bytes = 8u << 20;
  std::vector<std::string> parts(static_cast<std::size_t>(context.pool.n_threads()) * 4);
  std::string rest;
  for (bool more = true; more;) {
    std::size_t n_parts = 0;
    while (more && n_parts < parts.size()) {
      std::string& part = parts[n_parts++];
      part = std::move(rest);
      const std::size_t had = part.size();
      part.resize(had + batch_bytes);
      const std::size_t n = std::fread(part.data() + had, 1, batch_bytes, stdin);
      part.resize(had + n);
      more = n == batch_bytes;
      const std::size_t line_end = more ? last_cut(part) : std::string::npos;
      rest = line_end == std::string::npos ? std::string() : part.substr(line_end + 1);
      part.resize(part.size() - rest.size());
    }
    tokenize_detail::throw_if_stopped();
    context.pool.for_each(static_cast<std::int64_t>(n_parts),
                          [&](std::int64_t i, int thread) { counter.add(parts[static_cast<std::size_t>(i)], thread); });
    for (std::size_t i = 0; i < n_parts; ++i) seen.text_bytes += parts[i].size();
  }
  if (std::ferror(stdin) != 0) throw Error(Kind::io, "cannot read stdin");
  seen.n_documents = seen.text_bytes > 0 ? 1 : 0;
}

std::vector<text::WordTable> count_pieces(const TokenizeTrainOptions& options, text::Pattern pattern, Seen& seen,
                                          Context& context) {
  const Stopwatch watch;
  text::WordCounter counter(pattern, context.pool.n_threads());
  if (options.inputs == std::vector<std::string>{"-"}) {
    count_stdin(counter, seen, context);
  } else {
    const std::vector<Split> list =
        tokenize_detail::splits_named(options.splits.empty() ? std::vector<std::string>{"train"} : options.splits);
    const Sample sample(options.sample_bytes, text_bytes_of(options.inputs));
    if (sample.share() < 1) {
      context.log.info("learning from a sample: about " + format_number(sample.share() * 100, 3) +
                       " % of the documents");
    }
    for (const std::string& path : options.inputs)
      count_file(path, {list.begin(), list.end()}, sample, counter, seen, context);
  }
  if (seen.text_bytes == 0) {
    throw Error(Kind::data,
                join(options.inputs, ", ") + ": no text in the chosen split: there is nothing to learn from");
  }
  seen.n_left_out = counter.n_left_out();
  if (seen.n_left_out > 0) {
    context.log.warning(std::to_string(seen.n_left_out) + " pieces longer than " +
                        std::to_string(text::WordCounter::longest_word) + " bytes without a break were not counted");
  }
  std::vector<text::WordTable> words = counter.join(context.pool);
  seen.seconds = watch.seconds();
  return words;
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

void report(const text::Tokenizer& tokenizer, const fs::path& path, const Seen& seen, double merge_s,
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
  Seen seen;
  double merge_s = 0;
  text::Pattern pattern = text::pattern_by_name(options.pretokenizer)->pattern;
  text::TrainedVocabulary vocabulary;
  if (options.vocab == "bytes") {
    vocabulary = text::byte_vocabulary();
    pattern = text::Pattern::none;
  } else {
    const std::vector<text::WordTable> words = count_pieces(options, pattern, seen, context);
    const Stopwatch watch;
    const text::TrainSettings settings{static_cast<std::size_t>(options.vocab_size) - special.size(),
                                       options.min_frequency};
    vocabulary = text::train_bpe(words, settings, [&](std::size_t n) {
      tokenize_detail::throw_if_stopped();
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
  report(tokenizer, path, seen, merge_s, context);
  return 0;
}

}  // namespace hearth::tools
