// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <map>
#include <span>

#include "formats/tokens.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/tokenizer/tokenizer.h"
#include "lib/tools/tokenize.h"

namespace hearth::tools {
namespace {

using formats::Document;
using formats::DocumentsReader;
using formats::Split;
using text::SpecialTokens;
using text::Tokenizer;

// Documents, tokens (without the end-of-text ones) and bytes, of a split or a type.
struct Count {
  std::uint64_t documents = 0, tokens = 0, text_bytes = 0;
  void add(std::uint64_t n_tokens, std::uint64_t n_bytes) {
    ++documents;
    tokens += n_tokens;
    text_bytes += n_bytes;
  }
  void add(const Count& other) {
    documents += other.documents;
    tokens += other.tokens;
    text_bytes += other.text_bytes;
  }
};

struct Statistics {
  std::map<Split, Count> by_split;
  std::map<std::string, Count> by_type;  // "code: c++", "markdown", ...
};

// One block of documents, encoded.
struct EncodedBlock {
  struct Part {
    Split split;
    std::string type, source;
    std::uint64_t text_bytes;
    std::size_t end;  // in ids
  };
  std::vector<std::uint32_t> ids;
  std::vector<Part> parts;
};

struct Plan {
  const Tokenizer& tokenizer;
  SpecialTokens special;
  std::uint32_t end_of_text;
  std::string source_by;
};

std::string source_of(const Document& document, const std::string& type, const std::string& source_by) {
  if (source_by == "type") return document.type;
  return source_by == "language" ? type : document.source.substr(0, document.source.find_first_of("/#!"));
}

EncodedBlock encode_block(const Plan& plan, const std::vector<Document>& documents) {
  EncodedBlock block;
  for (const Document& document : documents) {
    plan.tokenizer.encode(document.text, block.ids, plan.special);
    block.ids.push_back(plan.end_of_text);
    const std::string type = document.language.empty() ? document.type : document.type + ": " + document.language;
    block.parts.push_back(
        {document.split, type, source_of(document, type, plan.source_by), document.text.size(), block.ids.size()});
  }
  return block;
}

void write_block(const EncodedBlock& block, formats::TokensWriter& writer, Statistics& statistics) {
  std::size_t begin = 0;
  for (const EncodedBlock::Part& part : block.parts) {
    writer.add(part.split, std::span(block.ids).subspan(begin, part.end - begin), part.text_bytes, part.source);
    const std::uint64_t n_tokens = part.end - begin - 1;
    statistics.by_split[part.split].add(n_tokens, part.text_bytes);
    statistics.by_type[part.type].add(n_tokens, part.text_bytes);
    begin = part.end;
  }
}

// Blocks are encoded a few at a time on all cores and written in order.
void encode_file(const Plan& plan, const std::string& path, const DocumentsReader& reader,
                 formats::TokensWriter& writer, Statistics& statistics, Context& context) {
  const auto n_blocks = static_cast<std::int64_t>(reader.n_blocks());
  const std::int64_t batch = context.pool.n_threads() * 4;
  const Stopwatch watch;
  std::uint64_t done_bytes = 0;
  for (std::int64_t first = 0; first < n_blocks; first += batch) {
    std::vector<EncodedBlock> blocks(static_cast<std::size_t>(std::min(batch, n_blocks - first)));
    context.pool.for_each(static_cast<std::int64_t>(blocks.size()), [&](std::int64_t i, int) {
      tokenize_detail::throw_if_stopped();
      blocks[static_cast<std::size_t>(i)] =
          encode_block(plan, reader.read_block(static_cast<std::uint64_t>(first + i)));
    });
    for (const EncodedBlock& block : blocks) {
      write_block(block, writer, statistics);
      for (const EncodedBlock::Part& part : block.parts) done_bytes += part.text_bytes;
    }
    context.log.progress("encoding " + path + ": " + human_bytes(static_cast<double>(done_bytes)) + " of " +
                         human_bytes(static_cast<double>(reader.text_bytes())) + ", " +
                         human_bytes(static_cast<double>(done_bytes) / watch.seconds()) + "/s");
  }
  context.log.progress_done();
}

std::uint32_t end_of_text_of(const TokenizeEncodeOptions& options, const Tokenizer& tokenizer) {
  if (!options.end_of_text.empty()) {
    if (const auto id = tokenizer.id_of(options.end_of_text)) return *id;
    throw Error(Kind::config,
                "--end-of-text " + options.end_of_text + ": " + options.tokenizer + " has no such special token");
  }
  if (const auto id = tokenizer.end_of_text()) return *id;
  throw Error(Kind::config, options.tokenizer + " does not say which token ends a document: name it by --end-of-text");
}

Json json_of(const Count& count) {
  return {{"documents", count.documents},
          {"tokens", count.tokens},
          {"text_bytes", count.text_bytes},
          {"bytes_per_token",
           count.tokens == 0 ? 0.0 : static_cast<double>(count.text_bytes) / static_cast<double>(count.tokens)}};
}

void add_row(TextTable& table, const std::string& name, const Count& count) {
  const double ratio =
      count.tokens == 0 ? 0.0 : static_cast<double>(count.text_bytes) / static_cast<double>(count.tokens);
  table.add({name, std::to_string(count.documents), human_count(static_cast<double>(count.tokens)),
             human_bytes(static_cast<double>(count.text_bytes)), format_number(ratio, 3)});
}

// The types with most text; the rest in one row.
void add_types(TextTable& table, const std::map<std::string, Count>& by_type) {
  constexpr std::size_t n_shown = 12;
  std::vector<std::pair<std::string, Count>> types(by_type.begin(), by_type.end());
  std::stable_sort(types.begin(), types.end(),
                   [](const auto& a, const auto& b) { return a.second.text_bytes > b.second.text_bytes; });
  Count rest;
  for (std::size_t i = 0; i < types.size(); ++i) {
    const Count& count = types[i].second;
    if (i < n_shown) {
      add_row(table, types[i].first, count);
    } else {
      rest.add(count);
    }
  }
  if (types.size() > n_shown) add_row(table, std::to_string(types.size() - n_shown) + " more", rest);
}

void report(const TokenizeEncodeOptions& options, const Tokenizer& tokenizer, const Statistics& statistics,
            double seconds, Context& context) {
  Count all;
  for (const auto& [split, count] : statistics.by_split) all.add(count);
  if (context.json) {
    Json result{
        {"schema", "hearth.tokenize.encode/1"}, {"output", options.output}, {"tokenizer_digest", tokenizer.digest()},
        {"vocab_size", tokenizer.vocab_size()}, {"seconds", seconds},       {"all", json_of(all)}};
    for (const auto& [split, count] : statistics.by_split)
      result["splits"][std::string(name_of(split))] = json_of(count);
    for (const auto& [type, count] : statistics.by_type) result["types"][type] = json_of(count);
    std::printf("%s\n", dump_json(result).c_str());
    return;
  }
  if (context.quiet) return;
  TextTable table({"", "documents", "tokens", "text", "bytes/token"});
  for (const auto& [split, count] : statistics.by_split) add_row(table, std::string(name_of(split)), count);
  add_types(table, statistics.by_type);
  add_row(table, "all", all);
  std::printf("%s%s: %s of text in %s, %s/s\n", table.text().c_str(), options.output.c_str(),
              human_bytes(static_cast<double>(all.text_bytes)).c_str(), human_seconds(seconds).c_str(),
              human_bytes(static_cast<double>(all.text_bytes) / seconds).c_str());
}

int encode_stdin(const TokenizeEncodeOptions& options, const Tokenizer& tokenizer, SpecialTokens special,
                 const Context& context) {
  if (!options.output.empty()) {
    throw Error(Kind::usage,
                "text on stdin becomes ids on stdout: leave -o out, or make a documents file with hearth shard");
  }
  const std::vector<std::uint32_t> ids = tokenizer.encode(tokenize_detail::read_stdin(), special);
  if (context.json) {
    const Json result{{"schema", "hearth.tokenize.ids/1"}, {"tokenizer_digest", tokenizer.digest()}, {"ids", ids}};
    std::printf("%s\n", dump_json(result).c_str());
    return 0;
  }
  const char* separator = "";
  for (const std::uint32_t id : ids) {
    std::printf("%s%u", separator, id);
    separator = " ";
  }
  std::printf("\n");
  return 0;
}

void print_plan(const TokenizeEncodeOptions& options, const Tokenizer& tokenizer,
                const std::vector<DocumentsReader>& readers, const Context& context) {
  std::uint64_t n_documents = 0, text_bytes = 0;
  for (const DocumentsReader& reader : readers) {
    n_documents += reader.n_documents();
    text_bytes += reader.text_bytes();
  }
  const int id_bytes = tokenizer.vocab_size() <= 65536 ? 2 : 4;
  if (context.json) {
    const Json plan{{"schema", "hearth.tokenize.encode-plan/1"},
                    {"output", options.output},
                    {"documents", n_documents},
                    {"text_bytes", text_bytes},
                    {"id_bytes", id_bytes}};
    std::printf("%s\n", dump_json(plan).c_str());
  } else {
    std::printf("would encode %llu documents, %s of text, as ids of %d bytes into %s\n",
                static_cast<unsigned long long>(n_documents), human_bytes(static_cast<double>(text_bytes)).c_str(),
                id_bytes, options.output.c_str());
  }
}

}  // namespace

int run(const TokenizeEncodeOptions& options, Context& context) {
  if (options.inputs.empty()) throw Error(Kind::usage, "no INPUT: give documents files, or - for text on stdin");
  const Tokenizer tokenizer = Tokenizer::load(options.tokenizer);
  const SpecialTokens special = options.special_tokens == "parse" ? SpecialTokens::parse : SpecialTokens::as_text;
  if (options.inputs == std::vector<std::string>{"-"}) return encode_stdin(options, tokenizer, special, context);
  if (options.output.empty()) throw Error(Kind::usage, "no output: give -o FILE");
  const Plan plan{tokenizer, special, end_of_text_of(options, tokenizer), options.source_by};
  require_creatable(options.output, options.overwrite);

  std::vector<DocumentsReader> readers;
  std::vector<InputRecord> inputs{{options.tokenizer, tokenizer.digest()}};
  for (const std::string& path : options.inputs) {
    readers.emplace_back(path);
    inputs.push_back({path, readers.back().digest()});
  }
  if (options.dry_run) {
    print_plan(options, tokenizer, readers, context);
    return 0;
  }
  const Stopwatch watch;
  formats::TokensHeader header;
  header.dtype = tokenizer.vocab_size() <= 65536 ? DType::u16 : DType::u32;
  header.vocab_size = tokenizer.vocab_size();
  header.end_of_text_id = plan.end_of_text;
  header.tokenizer_digest = tokenizer.digest();
  header.token_bytes = tokenizer.token_bytes();
  formats::TokensWriter writer(options.output, options.overwrite, std::move(header));
  Statistics statistics;
  for (std::size_t i = 0; i < readers.size(); ++i) {
    encode_file(plan, options.inputs[i], readers[i], writer, statistics, context);
  }
  if (statistics.by_split.empty())
    throw Error(Kind::data, join(options.inputs, ", ") + ": no documents: there is nothing to encode");
  writer.finish(provenance(context.invocation, inputs));
  report(options, tokenizer, statistics, watch.seconds(), context);
  return 0;
}

}  // namespace hearth::tools
