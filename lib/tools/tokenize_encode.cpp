// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "formats/record_file.h"
#include "formats/tokens.h"
#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/comm/agreement.h"
#include "lib/comm/mesh.h"
#include "lib/text/tokenizer/tokenizer.h"
#include "lib/tools/rank_parts.h"
#include "lib/tools/tokenize.h"
#include "lib/tools/tokenize_blocks.h"
#include "lib/tools/work_folder.h"

namespace hearth::tools {
namespace {

constexpr std::uint64_t segment_bytes = 256u << 20;  // of ids and what is said of their documents
constexpr double segment_seconds = 60;

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

Json to_json(const Count& count) {
  return {count.documents, count.tokens, count.text_bytes};
}
Count count_from(const Json& json) {
  return {json[0].get<std::uint64_t>(), json[1].get<std::uint64_t>(), json[2].get<std::uint64_t>()};
}

// As one rank tells it to another.
Json to_json(const Statistics& statistics) {
  Json splits = Json::object(), types = Json::object();
  for (const auto& [split, count] : statistics.by_split)
    splits[std::to_string(static_cast<int>(split))] = to_json(count);
  for (const auto& [type, count] : statistics.by_type) types[type] = to_json(count);
  return {{"splits", splits}, {"types", types}};
}
void add(Statistics& sum, const Json& other) {
  for (const auto& [split, count] : other["splits"].items())
    sum.by_split[static_cast<Split>(std::stoi(split))].add(count_from(count));
  for (const auto& [type, count] : other["types"].items()) sum.by_type[type].add(count_from(count));
}

struct Plan {
  const Tokenizer& tokenizer;
  SpecialTokens special;
  std::uint32_t end_of_text;
  std::string source_by;
};

EncodedBlock encode_block(const Plan& plan, const std::vector<Document>& documents) {
  EncodedBlock block;
  for (const Document& document : documents) {
    plan.tokenizer.encode(document.text, block.ids, plan.special);
    block.ids.push_back(plan.end_of_text);
    block.parts.push_back({document.split, tokenize_detail::source_of(document, "language"),
                           tokenize_detail::source_of(document, plan.source_by), document.text.size(),
                           block.ids.size()});
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

// Encodes blocks into segments of the work folder, behind those that are there. Of all files' blocks, counted together,
// those of `mine`.
class Encoder {
 public:
  Encoder(const Plan& plan, const comm::Piece& mine, WorkFolder& work, Context& context)
      : plan_(plan), mine_(mine), work_(work), context_(context), segment_began_(steady_seconds()) {
    if (const std::string position = work.position(); !position.empty()) {
      n_done_ = json_get<std::uint64_t>(parse_json(position, work.path().string()), "blocks", work.path().string());
      context.log.info("going on behind " + std::to_string(n_done_) + " blocks encoded before");
    }
  }

  // Throws Error{stopped} when a signal asked for it; what was encoded is kept.
  void encode(const std::string& path, const DocumentsReader& reader) {
    // Of this file's blocks: mine, behind what is done.
    const auto within = [&](std::uint64_t block) {
      return std::min(block - std::min(block, n_passed_), reader.n_blocks());
    };
    const auto begin = static_cast<std::uint64_t>(mine_.begin), end = begin + static_cast<std::uint64_t>(mine_.count);
    const std::uint64_t last = within(end);
    const std::uint64_t batch = static_cast<std::uint64_t>(context_.pool.n_threads()) * 4;
    const Stopwatch watch;
    std::uint64_t done_bytes = 0;
    for (std::uint64_t first = within(begin + n_done_); first < last; first += batch) {
      std::vector<EncodedBlock> blocks(std::min(batch, last - first));
      context_.pool.for_each(static_cast<std::int64_t>(blocks.size()), [&](std::int64_t i, int) {
        const auto index = static_cast<std::size_t>(i);
        blocks[index] = encode_block(plan_, reader.read_block(first + index));
      });
      for (const EncodedBlock& block : blocks) {
        add(block);
        for (const EncodedBlock::Part& part : block.parts) done_bytes += part.text_bytes;
      }
      if (stop_requested()) {
        end_segment();
        throw Error(Kind::stopped, "stopped by a signal; what was encoded is kept in " + work_.path().string() +
                                       ", and the same command goes on from there");
      }
      context_.log.progress("encoding " + path + ": " + human_bytes(static_cast<double>(done_bytes)) + " of " +
                            human_bytes(static_cast<double>(reader.text_bytes())) + ", " +
                            human_bytes(static_cast<double>(done_bytes) / watch.seconds()) + "/s");
    }
    n_passed_ += reader.n_blocks();
    context_.log.progress_done();
  }

  void end_segment() {
    if (segment_ == nullptr) return;
    std::exchange(segment_, nullptr)->finish();
    work_.end_segment({{"blocks", n_done_}});
  }

 private:
  void add(const EncodedBlock& block) {
    if (segment_ == nullptr) {
      segment_ =
          std::make_unique<formats::RecordFileWriter>(work_.file(work_.n_segments(), "ids"), context_.pool, true);
      segment_began_ = steady_seconds();
    }
    segment_->add(block.packed());
    ++n_done_;
    if (segment_->bytes() >= segment_bytes || steady_seconds() - segment_began_ >= segment_seconds) end_segment();
  }

  const Plan& plan_;
  comm::Piece mine_;
  WorkFolder& work_;
  Context& context_;
  double segment_began_;
  std::uint64_t n_done_ = 0, n_passed_ = 0;  // blocks: of mine, encoded; of all, those of files done with
  std::unique_ptr<formats::RecordFileWriter> segment_;
};

void write_segments(const WorkFolder& work, formats::TokensWriter& writer, Statistics& statistics) {
  for (std::size_t segment = 0; segment < work.n_segments(); ++segment) {
    formats::RecordFileReader blocks(work.file(segment, "ids"));
    for (std::string_view record; blocks.next(record);) {
      write_block(EncodedBlock::unpacked(record), writer, statistics);
    }
  }
}

// What decides the result.
Json plan_json(const TokenizeEncodeOptions& options, const Plan& plan, const std::vector<InputRecord>& inputs) {
  Json digests = Json::array();
  for (const InputRecord& input : inputs) digests.push_back(input.digest);
  return {{"producer", producer()},
          {"inputs", digests},
          {"special-tokens", options.special_tokens},
          {"end-of-text", plan.end_of_text},
          {"source-by", options.source_by}};
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

formats::TokensHeader header_of(const Plan& plan) {
  const Tokenizer& tokenizer = plan.tokenizer;
  formats::TokensHeader header;
  header.dtype = tokenizer.vocab_size() <= 65536 ? DType::u16 : DType::u32;
  header.vocab_size = tokenizer.vocab_size();
  header.end_of_text_id = plan.end_of_text;
  header.tokenizer_digest = tokenizer.digest();
  header.token_bytes = tokenizer.token_bytes();
  return header;
}

// Blocks of `mine` into one file at output. Its work folder is left, for the caller to remove.
Statistics encode_piece(const TokenizeEncodeOptions& options, const Plan& plan, const comm::Piece& mine,
                        const std::vector<DocumentsReader>& readers, const std::vector<InputRecord>& inputs,
                        const fs::path& output, bool overwrite, WorkFolder& work, Context& context) {
  const bool begun_before = work.n_segments() > 0;
  Statistics statistics;
  try {
    Encoder encoder(plan, mine, work, context);
    for (std::size_t i = 0; i < readers.size(); ++i) encoder.encode(options.inputs[i], readers[i]);
    encoder.end_segment();
    formats::TokensWriter writer(output, overwrite, header_of(plan));
    write_segments(work, writer, statistics);
    if (statistics.by_split.empty() && context.mesh->alone())
      throw Error(Kind::data, join(options.inputs, ", ") + ": no documents: there is nothing to encode");
    writer.finish(provenance(context.invocation, inputs));
  } catch (const Error& error) {
    const bool of_use = error.kind() == Kind::stopped || error.kind() == Kind::io;
    if (!begun_before && !(of_use && work.n_segments() > 0)) work.remove();
    throw;
  }
  return statistics;
}

std::int64_t n_blocks_of(const std::vector<DocumentsReader>& readers) {
  std::uint64_t n = 0;
  for (const DocumentsReader& reader : readers) n += reader.n_blocks();
  return static_cast<std::int64_t>(n);
}

Statistics encode_alone(const TokenizeEncodeOptions& options, const Plan& plan,
                        const std::vector<DocumentsReader>& readers, const std::vector<InputRecord>& inputs,
                        Context& context) {
  WorkFolder work(options.output, plan_json(options, plan, inputs), options.resume);
  if (!work.lock_problem().empty()) context.log.warning(work.lock_problem());
  RankParts others(options.output, formats::tokens_parts);
  others.take_to_replace(context.log);
  const comm::Piece all{0, n_blocks_of(readers)};
  const Statistics statistics =
      encode_piece(options, plan, all, readers, inputs, options.output, options.overwrite, work, context);
  others.remove_replaced(context.log);
  work.remove();
  return statistics;
}

// Each rank a part, of neighbouring blocks; then the first one the index. What a rank has encoded is kept until that is
// there, so that the same ranks go on with it.
Statistics encode_on_ranks(const TokenizeEncodeOptions& options, const Plan& plan,
                           const std::vector<DocumentsReader>& readers, const std::vector<InputRecord>& inputs,
                           Context& context) {
  comm::Communicator& world = context.mesh->world();
  Json asked = plan_json(options, plan, inputs);
  asked["ranks"] = world.size();
  RankParts parts(options.output, asked, world.size(), formats::tokens_parts);
  const fs::path part = parts.of(world.rank());
  comm::check_agreement(world, {{"the program (hearth " + version() + ")", version() + " " + commit()},
                                {"the tokenizer, the input or the options", dump_json(asked)}});
  parts.take_folder(world, context.log);
  const comm::Piece mine = comm::piece_of(n_blocks_of(readers), world.rank(), world.size());
  std::optional<WorkFolder> work;
  Statistics statistics;
  try {
    comm::together(world, [&] {
      work.emplace(part, asked, options.resume);
      statistics = encode_piece(options, plan, mine, readers, inputs, part, true, *work, context);
    });
  } catch (const Error& error) {
    if (error.kind() == Kind::stopped) tokenize_detail::throw_if_stopped();  // as the others were
    throw;
  }
  Statistics all;
  for (const std::string& text : comm::gathered_texts(world, dump_json(to_json(statistics))))
    add(all, parse_json(text, "a rank"));
  comm::together(world, [&] {
    if (world.rank() != 0) return;
    if (all.by_split.empty())
      throw Error(Kind::data, join(options.inputs, ", ") + ": no documents: there is nothing to encode");
    formats::write_tokens_index(options.output, options.overwrite, parts.all(), provenance(context.invocation, inputs));
    parts.remove_replaced(context.log);
  });
  work->remove();
  return all;
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
  if (options.inputs == std::vector<std::string>{"-"} && !context.mesh->alone())
    throw Error(Kind::usage, "text on stdin is encoded by one process: start it alone");
  if (options.inputs == std::vector<std::string>{"-"}) return encode_stdin(options, tokenizer, special, context);
  if (options.output.empty()) throw Error(Kind::usage, "no output: give -o FILE");
  const Plan plan{tokenizer, special, end_of_text_of(options, tokenizer), options.source_by};
  comm::together(context.mesh->world(), [&] { require_creatable(options.output, options.overwrite); });

  std::vector<DocumentsReader> readers;
  std::vector<InputRecord> inputs{{options.tokenizer, tokenizer.digest()}};
  for (const std::string& path : options.inputs) {
    readers.emplace_back(path);
    inputs.push_back({path, readers.back().digest()});
  }
  if (options.dry_run) {
    if (context.mesh->rank() == 0) print_plan(options, tokenizer, readers, context);
    return 0;
  }
  const Stopwatch watch;
  const Statistics statistics = context.mesh->alone() ? encode_alone(options, plan, readers, inputs, context)
                                                      : encode_on_ranks(options, plan, readers, inputs, context);
  if (context.mesh->rank() == 0) report(options, tokenizer, statistics, watch.seconds(), context);
  return 0;
}

}  // namespace hearth::tools
