// SPDX-License-Identifier: Apache-2.0
#include "lib/tools/tokenize.h"

#include <cerrno>
#include <cstdio>
#include <memory>

#include "lib/base/error.h"
#include "lib/base/signals.h"
#include "lib/text/tokenizer/patterns.h"
#include "lib/text/tokenizer/tokenizer.h"
#include "lib/tools/tool.h"

namespace hearth::tools {
namespace tokenize_detail {

std::string read_stdin() {
  std::string text;
  char buffer[1 << 16];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, stdin)) text.append(buffer, n);
  if (std::ferror(stdin) != 0) throw system_error("cannot read stdin", errno);
  return text;
}

std::vector<formats::Split> splits_named(const std::vector<std::string>& names) {
  std::vector<formats::Split> splits;
  for (int i = 0; i < formats::n_splits; ++i) {
    const auto split = static_cast<formats::Split>(i);
    bool wanted = names.empty();
    for (const std::string& name : names) wanted = wanted || name == formats::name_of(split);
    if (wanted) splits.push_back(split);
  }
  return splits;
}

void require_same_tokenizer(const std::string& tokens_path, const std::string& tokens_digest,
                            const text::Tokenizer& tokenizer, const std::string& tokenizer_path) {
  if (tokens_digest == tokenizer.digest()) return;
  throw Error(Kind::data, tokens_path + ": made with another tokenizer than " + tokenizer_path + " (" +
                              tokens_digest.substr(0, 12) + "... there, " + tokenizer.digest().substr(0, 12) +
                              "... here): give the tokenizer.json it was made with");
}

std::string source_of(const formats::Document& document, const std::string& source_by) {
  if (source_by == "folder") return document.source.substr(0, document.source.find_first_of("/#!"));
  const bool with_language = source_by == "language" && !document.language.empty();
  return with_language ? document.type + ": " + document.language : document.type;
}

void throw_if_stopped() {
  if (stop_requested()) throw Error(Kind::stopped, "stopped by a signal; nothing was written: run it again");
}

}  // namespace tokenize_detail

namespace {

// A subcommand whose options live as long as it.
template <class Options>
struct Sub {
  explicit Sub(std::string name, std::string summary) : command("tokenize " + std::move(name), std::move(summary)) {}
  Command command;
  std::shared_ptr<Options> options = std::make_shared<Options>();
  std::shared_ptr<CommonOptions> common = std::make_shared<CommonOptions>();

  // ranks: may be started as many.
  Command done(const std::vector<std::string>& argv, CommonSet set,
               const std::function<void(Options&, const CommonOptions&)>& copy = {}, bool ranks = false) {
    add_common(command, *common, set);
    command.run = [options = options, common = common, argv, copy, ranks](const Command& self) {
      if (copy) copy(*options, *common);
      if (ranks) return run_on_ranks(self, *common, argv, {}, [&](Context& context) { return run(*options, context); });
      return run_with_context(self, *common, argv, [&](Context& context) { return run(*options, context); });
    };
    return std::move(command);
  }
};

std::vector<std::string> pattern_names() {
  std::vector<std::string> names;
  for (const text::PatternInfo& info : text::all_patterns()) {
    if (info.pattern != text::Pattern::none && info.pattern != text::Pattern::sentencepiece)
      names.emplace_back(info.name);
  }
  return names;
}

const std::vector<std::string> split_names{"train", "validation", "test"};

Command train_command(const std::vector<std::string>& argv) {
  Sub<TokenizeTrainOptions> sub("train", "learn a vocabulary from documents and write tokenizer.json");
  TokenizeTrainOptions& o = *sub.options;
  Command& c = sub.command;
  c.details =
      "The vocabulary is byte-level BPE, with the merges that Hugging Face's trainer would find. Beside tokenizer.json "
      "stand "
      "tokenizer_config.json, special_tokens_map.json and chat_template.jinja: AutoTokenizer loads the folder.\n\n"
      "The default pre-tokenizer is Qwen2's, which llama.cpp knows by name: it takes digits one by one, the better "
      "choice for "
      "the small vocabularies of small models, where numbers of three digits would cost a thousand entries.";
  c.examples = {{"tokenize train corpus.h5 --vocab-size 32768 -o tokenizer.json", "from a documents file"},
                {"tokenize train --vocab bytes -o bytes/", "the 256 bytes and the special tokens"}};
  c.positional("INPUT", &o.inputs, "documents files, or - for plain text on stdin");
  c.option("output", &o.output, "FILE",
           "tokenizer.json to write, or a folder for it (one that exists, or a name ending in /)")
      .letter('o')
      .must();
  c.option("vocab-size", &o.vocab_size, "N", "number of ids, special tokens included").range(257, 1 << 20);
  c.option("vocab", &o.vocab, "KIND", "learn merges, or take the 256 bytes alone").one_of({"bpe", "bytes"});
  c.option("pretokenizer", &o.pretokenizer, "NAME", "how text is cut into pieces that merges never cross")
      .one_of(pattern_names());
  c.option("special-token", &o.special_tokens, "NAME",
           "a special token instead of the default ones; the first ends each document, if none is <|endoftext|> "
           "(repeatable)");
  c.option("split", &o.splits, "SPLIT", "learn from this split instead of train").one_of(split_names);
  c.option("min-frequency", &o.min_frequency, "N", "merge no pair that is rarer").range(1);
  c.size("sample-bytes", &o.sample_bytes, "SIZE", "of a larger corpus, learn from about so much, drawn by document");
  c.option(
       "long-pieces", &o.long_pieces, "HOW",
       "pieces of more than 4096 bytes without a break: count them, as Hugging Face's trainer does (keep), pass them "
       "over to save memory, or end with an error")
      .one_of({"keep", "leave-out", "refuse"});
  c.option("resume", &o.resume, "WHEN",
           "whether to go on with an interrupted run, kept in OUTPUT.work: auto, never (start over) or must")
      .one_of({"auto", "never", "must"});
  CommonSet set;
  set.overwrite = true;
  return sub.done(argv, set,
                  [](TokenizeTrainOptions& to, const CommonOptions& from) { to.overwrite = from.overwrite; });
}

Command encode_command(const std::vector<std::string>& argv) {
  Sub<TokenizeEncodeOptions> sub("encode", "turn documents into a tokens file");
  TokenizeEncodeOptions& o = *sub.options;
  Command& c = sub.command;
  c.details =
      "Each document is followed by the end-of-text token. The names of special tokens inside documents are plain text "
      "unless "
      "--special-tokens parse. The ids are those of Hugging Face's tokenizers; bytes that are not UTF-8 are kept.\n\n"
      "With - as input the text on stdin becomes ids on stdout, and no file is written.\n\n"
      "Under mpirun or srun each rank encodes a share into a part in OUTPUT.parts/, and OUTPUT is an index that stands for "
      "them: every tool takes it as one file; move both together.";
  c.examples = {{"tokenize encode corpus.h5 --tokenizer tokenizer.json -o tokens.h5", "a documents file"},
                {"mpirun -np 8 tokenize encode corpus.h5 --tokenizer tokenizer.json -o tokens.h5", "by eight processes"},
                {"echo Hello | tokenize encode - --tokenizer tokenizer.json", "a text"}};
  c.positional("INPUT", &o.inputs, "documents files, or - for plain text on stdin");
  c.option("tokenizer", &o.tokenizer, "PATH",
           "the tokenizer: tokenizer.json, another kind that tokenize convert takes, or a folder")
      .must();
  c.option("output", &o.output, "FILE", "tokens file to write").letter('o');
  c.option("special-tokens", &o.special_tokens, "HOW", "what the name of a special token in a text becomes")
      .one_of({"as-text", "parse"});
  c.option("end-of-text", &o.end_of_text, "NAME",
           "the special token that ends each document, if not the tokenizer's own");
  c.option("resume", &o.resume, "WHEN",
           "whether to go on with an interrupted run, kept in OUTPUT.work: auto, never (start over) or must")
      .one_of({"auto", "never", "must"});
  c.option(
       "source-by", &o.source_by, "WHAT",
       "where documents count as from, by which pretrain --weights weighs them: the first part of their path, their "
       "type, or type and language")
      .one_of({"folder", "type", "language"});
  CommonSet set;
  set.overwrite = set.dry_run = set.no_provenance = true;
  const auto copy = [](TokenizeEncodeOptions& to, const CommonOptions& from) {
    to.overwrite = from.overwrite;
    to.dry_run = from.dry_run;
  };
  return sub.done(argv, set, copy, true);
}

Command decode_command(const std::vector<std::string>& argv) {
  Sub<TokenizeDecodeOptions> sub("decode", "turn ids back into text");
  TokenizeDecodeOptions& o = *sub.options;
  Command& c = sub.command;
  c.examples = {{"echo 9906 1917 | tokenize decode --tokenizer tokenizer.json", "ids as text"},
                {"tokenize decode tokens.h5 --tokenizer tokenizer.json --limit 3", "documents of a tokens file"}};
  c.positional("INPUT", &o.input, "a tokens file, or a text of ids; -, the default: ids on stdin");
  c.option("tokenizer", &o.tokenizer, "PATH",
           "the tokenizer: tokenizer.json, another kind that tokenize convert takes, or a folder")
      .must();
  c.option("split", &o.split, "SPLIT", "which split of a tokens file").one_of(split_names);
  c.option("first", &o.first, "N", "first document of the split to show, from 0");
  c.option("limit", &o.limit, "N", "at most so many documents; 0: all");
  c.flag("skip-special", &o.skip_special, "leave special tokens out");
  CommonSet set;
  set.json = false;
  return sub.done(argv, set);
}

Command inspect_command(const std::vector<std::string>& argv) {
  Sub<TokenizeInspectOptions> sub("inspect", "show a tokenizer, and what it makes of a text or a corpus");
  TokenizeInspectOptions& o = *sub.options;
  Command& c = sub.command;
  c.details =
      "Of tokens and documents files it counts the tokens and the bytes a token stands for, by source, and lists the "
      "ids that never occur. --json has all of them; lists for people show the first.\n\n"
      "A text is shown cut into its tokens: coloured on a terminal (unless NO_COLOR is set), [in brackets] elsewhere.";
  c.examples = {
      {"tokenize inspect tokenizer.json --text \"Hello, world\"", "the tokens of a text"},
      {"tokenize inspect tokenizer.json --text - <README.md", "of a file"},
      {"tokenize inspect tokenizer.json --tokens tokens.h5", "bytes a token by source, ids that never occur"},
      {"tokenize inspect tokenizer.json --documents corpus.h5 --source-by language", "the same of documents"}};
  c.positional("TOKENIZER", &o.tokenizer,
               "the tokenizer: tokenizer.json, another kind that tokenize convert takes, or a folder")
      .must();
  c.option("text", &o.text, "TEXT", "a text to show cut into tokens; - for stdin");
  c.option("tokens", &o.tokens, "FILE", "a tokens file whose tokens to count (repeatable)");
  c.option("documents", &o.documents, "FILE", "the same of a documents file, which is encoded for it (repeatable)");
  c.option("source-by", &o.source_by, "WHAT",
           "what of --documents counts as a source: the first part of their path, their type, or type and language; a "
           "tokens file says it itself")
      .one_of({"folder", "type", "language"});
  return sub.done(argv, {});
}

Command convert_command(const std::vector<std::string>& argv) {
  Sub<TokenizeConvertOptions> sub("convert", "write another kind of tokenizer as a folder with tokenizer.json");
  TokenizeConvertOptions& o = *sub.options;
  Command& c = sub.command;
  c.details =
      "Takes vocab.json with merges.txt (GPT-2), tiktoken's files of ranks (.tiktoken, and the tokenizer.model of "
      "Llama 3 and 4), Mistral's tekken.json, and SentencePiece's .model files of BPE (Llama 2, Mistral 7B, Gemma). "
      "The "
      "ids stay the same, and AutoTokenizer loads the folder. Every tool that "
      "takes a tokenizer takes these files as they are, too, but for those that need --pretokenizer.";
  c.examples = {{"tokenize convert tekken.json -o tokenizer/", "a tokenizer of Mistral's"},
                {"tokenize convert own.tiktoken --pretokenizer llama3 -o tokenizer/", "ranks hearth does not know"}};
  c.positional("TOKENIZER", &o.tokenizer, "the file, or its folder").must();
  c.option("output", &o.output, "FOLDER", "folder to write; made when it is not there").letter('o').must();
  c.option("pretokenizer", &o.pretokenizer, "NAME",
           "how text is cut into pieces, where the file does not say it and hearth does not know it")
      .one_of(pattern_names());
  CommonSet set;
  set.overwrite = true;
  return sub.done(argv, set,
                  [](TokenizeConvertOptions& to, const CommonOptions& from) { to.overwrite = from.overwrite; });
}

Command cat_command(const std::vector<std::string>& argv) {
  Sub<TokenizeCatOptions> sub("cat", "print a tokens file as JSON lines, one a document");
  TokenizeCatOptions& o = *sub.options;
  Command& c = sub.command;
  c.examples = {{"tokenize cat tokens.h5 --tokenizer tokenizer.json --limit 10", "ids and text of ten documents"}};
  c.positional("INPUT", &o.input, "a tokens file").must();
  c.option("tokenizer", &o.tokenizer, "PATH", "the tokenizer: adds the text");
  c.option("split", &o.splits, "SPLIT", "only this split").one_of(split_names);
  c.option("first", &o.first, "N", "first document of each split to print, from 0");
  c.option("limit", &o.limit, "N", "at most so many documents of each split; 0: all");
  CommonSet set;
  set.json = false;
  return sub.done(argv, set);
}

}  // namespace

Command tokenize_command(const std::vector<std::string>& argv) {
  Command command("tokenize", "vocabularies, token files, and the way back to text");
  command.subcommand(train_command(argv));
  command.subcommand(encode_command(argv));
  command.subcommand(decode_command(argv));
  command.subcommand(inspect_command(argv));
  command.subcommand(convert_command(argv));
  command.subcommand(cat_command(argv));
  return command;
}

}  // namespace hearth::tools
