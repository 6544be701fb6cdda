// SPDX-License-Identifier: Apache-2.0
// The tool tokenize: trains a byte-level BPE vocabulary on documents, turns documents into token files and back, and
// shows what a tokenizer does.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "formats/documents.h"
#include "lib/base/options.h"
#include "lib/device/context.h"

namespace hearth::text {
class Tokenizer;
}

namespace hearth::tools {

struct TokenizeTrainOptions {
  std::vector<std::string> inputs;  // documents files, or "-": plain text on stdin
  std::string output;               // tokenizer.json, or an existing folder
  std::int64_t vocab_size = 32768;  // special tokens included
  std::string vocab = "bpe";        // or "bytes"
  std::string pretokenizer = "qwen2";
  std::vector<std::string> special_tokens;  // empty: the default ones
  std::vector<std::string> splits;          // empty: train
  std::uint64_t min_frequency = 2;
  std::uint64_t sample_bytes = 4ull << 30;
  std::string long_pieces = "keep";  // or "leave-out", "refuse": pieces longer than WordCounter::long_piece
  std::string resume = "auto";
  bool overwrite = false;
};

struct TokenizeEncodeOptions {
  std::vector<std::string> inputs;  // documents files, or "-": plain text on stdin, ids to stdout
  std::string tokenizer, output;
  std::string special_tokens = "as-text";  // or "parse"
  std::string source_by = "folder";        // what a document counts as from: "folder", "type" or "language"
  std::string resume = "auto";
  std::string end_of_text;  // name of the token that ends each document; empty: the tokenizer's
  bool overwrite = false, dry_run = false;
};

struct TokenizeDecodeOptions {
  std::string input = "-";  // a tokens file, or a text of ids
  std::string tokenizer;
  std::string split = "train";
  std::uint64_t first = 0, limit = 0;  // documents of a tokens file; limit 0: all
  bool skip_special = false;
};

struct TokenizeInspectOptions {
  std::string tokenizer;
  std::string text;                            // shown cut into tokens; "-": stdin
  std::vector<std::string> tokens, documents;  // files whose tokens are counted
  std::string source_by = "folder";            // of documents files, as in TokenizeEncodeOptions
};

struct TokenizeConvertOptions {
  std::string tokenizer, output;  // output: a folder
  std::string pretokenizer;       // empty: as known
  bool overwrite = false;
};

struct TokenizeCatOptions {
  std::string input, tokenizer;  // tokenizer empty: no text
  std::vector<std::string> splits;
  std::uint64_t first = 0, limit = 0;
};

int run(const TokenizeTrainOptions& options, Context& context);
int run(const TokenizeEncodeOptions& options, Context& context);
int run(const TokenizeDecodeOptions& options, Context& context);
int run(const TokenizeInspectOptions& options, Context& context);
int run(const TokenizeConvertOptions& options, Context& context);
int run(const TokenizeCatOptions& options, Context& context);

// The table of the tool and its subcommands.
Command tokenize_command(const std::vector<std::string>& argv);

namespace tokenize_detail {

std::string read_stdin();
std::vector<formats::Split> splits_named(const std::vector<std::string>& names);  // train, validation, test; empty: all
// Throws Error{data} unless the tokens file was made by this tokenizer.
void require_same_tokenizer(const std::string& tokens_path, const std::string& tokens_digest,
                            const text::Tokenizer& tokenizer, const std::string& tokenizer_path);
// What a document counts as from: by "folder" the first part of its path, by "type" its type, by "language" that with
// the language it is in ("code: c++").
std::string source_of(const formats::Document& document, const std::string& source_by);
void throw_if_stopped();  // Error{stopped} once a signal asked for a stop

}  // namespace tokenize_detail
}  // namespace hearth::tools
