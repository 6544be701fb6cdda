// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "formats/tokens.h"
#include "lib/base/json_value.h"
#include "lib/base/terminal.h"
#include "lib/base/text.h"
#include "lib/text/tokenizer/tokenizer.h"
#include "lib/tools/tokenize.h"

namespace hearth::tools {
namespace {

using formats::TokensReader;
using formats::TokensSplit;
using text::Tokenizer;

constexpr std::size_t n_shown = 10;  // tokens of a list for people; --json has them all

// A token as it can be shown on one line: bytes that are not printable ASCII or whole UTF-8 as \xNN.
std::string printable(std::string_view bytes) {
  const std::string with_escapes = dump_json(Json(bytes));
  if (with_escapes.find("\ufffd") == std::string::npos) return with_escapes.substr(1, with_escapes.size() - 2);
  std::string text;
  for (const char c : bytes) {
    char escaped[8];
    const auto byte = static_cast<unsigned char>(c);
    std::snprintf(escaped, sizeof escaped, byte >= 0x20 && byte < 0x7F ? "%c" : "\\x%02x", byte);
    text += escaped;
  }
  return text;
}

Json token_json(const Tokenizer& tokenizer, std::uint32_t id) {
  return {{"id", id}, {"text", printable(tokenizer.bytes(id))}};
}

Json vocabulary(const Tokenizer& tokenizer) {
  std::map<std::size_t, std::size_t> by_length;
  std::vector<std::uint32_t> longest;
  for (std::uint32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    if (tokenizer.is_special(id) || tokenizer.bytes(id).empty()) continue;
    ++by_length[tokenizer.bytes(id).size()];
    longest.push_back(id);
  }
  std::stable_sort(longest.begin(), longest.end(), [&](std::uint32_t a, std::uint32_t b) {
    return tokenizer.bytes(a).size() > tokenizer.bytes(b).size();
  });
  longest.resize(std::min(longest.size(), n_shown));

  const auto id_or_null = [](std::optional<std::uint32_t> id) { return id ? Json(*id) : Json(nullptr); };
  Json result{{"schema", "hearth.tokenize.inspect/1"},
              {"digest", tokenizer.digest()},
              {"vocab_size", tokenizer.vocab_size()},
              {"merges", tokenizer.n_merges()},
              {"pretokenizer", tokenizer.pretokenizer()},
              {"gguf_name", tokenizer.gguf_name()},
              {"end_of_text", id_or_null(tokenizer.end_of_text())},
              {"bos", id_or_null(tokenizer.bos())},
              {"eos", id_or_null(tokenizer.eos())},
              {"pad", id_or_null(tokenizer.pad())},
              {"special", Json::array()},
              {"tokens_by_bytes", Json::object()},
              {"longest", Json::array()}};
  for (const std::uint32_t id : tokenizer.special_ids()) result["special"].push_back(token_json(tokenizer, id));
  for (const auto& [length, count] : by_length) result["tokens_by_bytes"][std::to_string(length)] = count;
  for (const std::uint32_t id : longest) result["longest"].push_back(token_json(tokenizer, id));
  return result;
}

Json text_tokens(const Tokenizer& tokenizer, const std::string& text) {
  Json tokens = Json::array();
  for (const std::uint32_t id : tokenizer.encode(text)) tokens.push_back(token_json(tokenizer, id));
  return {{"text_bytes", text.size()}, {"tokens", tokens}};
}

// What a source, or all of them, became.
struct Share {
  std::uint64_t documents = 0, tokens = 0, text_bytes = 0;
  void add(const Share& other) {
    documents += other.documents;
    tokens += other.tokens;
    text_bytes += other.text_bytes;
  }
  double bytes_per_token() const {
    return tokens == 0 ? 0.0 : static_cast<double>(text_bytes) / static_cast<double>(tokens);
  }
  Json json() const {
    return {{"documents", documents},
            {"tokens", tokens},
            {"text_bytes", text_bytes},
            {"bytes_per_token", bytes_per_token()}};
  }
};

// How often each id occurs, and what the sources became.
struct Usage {
  explicit Usage(std::uint32_t vocab_size) : counts(vocab_size) {}
  void add(const Usage& other) {
    for (std::size_t id = 0; id < counts.size(); ++id) counts[id] += other.counts[id];
    for (const auto& [source, share] : other.sources) sources[source].add(share);
  }
  std::vector<std::uint64_t> counts;
  std::map<std::string, Share> sources;
};

// The bytes of a document are those its tokens stand for; its end-of-text token counts as none of either.
void count_tokens(const TokensReader& reader, Usage& usage) {
  const std::vector<std::uint16_t>& token_bytes = reader.header().token_bytes;
  for (const formats::Split name : tokenize_detail::splits_named({})) {
    const TokensSplit& split = reader.split(name);
    for (std::uint64_t document = 0; document < split.n_documents(); ++document) {
      if (document % 1024 == 0) tokenize_detail::throw_if_stopped();
      const bool told = !split.document_source.empty();
      Share& share = usage.sources[told ? reader.sources()[split.document_source[document]] : std::string()];
      ++share.documents;
      for (std::uint64_t i = split.document_offsets[document]; i < split.document_offsets[document + 1]; ++i) {
        const std::uint32_t id = split.id(i);
        if (id >= usage.counts.size()) continue;
        ++usage.counts[id];
        share.text_bytes += token_bytes[id];
        share.tokens += static_cast<std::int64_t>(id) != reader.header().end_of_text_id;
      }
    }
  }
}

void count_documents(const formats::DocumentsReader& reader, const Tokenizer& tokenizer, const std::string& source_by,
                     Usage& usage, Context& context) {
  std::vector<Usage> parts(static_cast<std::size_t>(context.pool.n_threads()), Usage(tokenizer.vocab_size()));
  context.pool.for_each(static_cast<std::int64_t>(reader.n_blocks()), [&](std::int64_t block, int thread) {
    tokenize_detail::throw_if_stopped();
    Usage& part = parts[static_cast<std::size_t>(thread)];
    for (const formats::Document& document : reader.read_block(static_cast<std::uint64_t>(block))) {
      const std::vector<std::uint32_t> ids = tokenizer.encode(document.text);
      for (const std::uint32_t id : ids) ++part.counts[id];
      part.sources[tokenize_detail::source_of(document, source_by)].add({1, ids.size(), document.text.size()});
    }
  });
  for (const Usage& part : parts) usage.add(part);
}

Json usage_json(const Tokenizer& tokenizer, const TokenizeInspectOptions& options, Context& context) {
  Usage usage(tokenizer.vocab_size());
  for (const std::string& path : options.tokens) {
    for (const TokensReader& reader : formats::open_tokens(path)) {
      tokenize_detail::require_same_tokenizer(path, reader.header().tokenizer_digest, tokenizer, options.tokenizer);
      count_tokens(reader, usage);
    }
  }
  for (const std::string& path : options.documents) {
    count_documents(formats::DocumentsReader(path), tokenizer, options.source_by, usage, context);
  }
  Share all;
  Json sources = Json::object(), unused = Json::array();
  for (const auto& [source, share] : usage.sources) {
    all.add(share);
    sources[source] = share.json();
  }
  for (std::uint32_t id = 0; id < usage.counts.size(); ++id) {
    const bool is_text = !tokenizer.is_special(id) && !tokenizer.bytes(id).empty();
    if (usage.counts[id] == 0 && is_text) unused.push_back(token_json(tokenizer, id));
  }
  return {{"all", all.json()}, {"sources", sources}, {"unused", unused}};
}

std::string listed(const Json& tokens) {
  std::string line;
  for (std::size_t i = 0; i < std::min(tokens.size(), n_shown); ++i) {
    line += (i == 0 ? "" : "  ") + tokens[i]["text"].get<std::string>() + " (" + dump_json(tokens[i]["id"]) + ")";
  }
  return line + (tokens.size() > n_shown ? "  ..." : "");
}

// The tokens of a text one after the other: in changing colours on a terminal, in brackets elsewhere.
void print_cut(const Json& cut) {
  static const char* const colours[] = {"\033[30;46m", "\033[30;43m", "\033[30;42m", "\033[30;45m"};
  const bool colour = takes_colour(STDOUT_FILENO);
  std::size_t i = 0;
  for (const Json& token : cut["tokens"]) {
    const std::string text = token["text"].get<std::string>();
    std::printf("%s%s%s", colour ? colours[i % 4] : "[", text.c_str(), colour ? "\033[0m" : "]");
    ++i;
  }
  std::printf("\n%zu tokens, %llu bytes\n", i, static_cast<unsigned long long>(cut["text_bytes"].get<std::uint64_t>()));
}

void add_row(TextTable& table, const std::string& name, const Json& share) {
  table.add({name, dump_json(share["documents"]), human_count(share["tokens"].get<double>()),
             human_bytes(share["text_bytes"].get<double>()), format_number(share["bytes_per_token"].get<double>(), 3)});
}

// The sources with most text first, of which some are shown.
void print_usage(const Json& usage) {
  constexpr std::size_t n_sources = 24;
  std::vector<std::pair<std::string, Json>> sources;
  for (const auto& [name, share] : usage["sources"].items()) sources.emplace_back(name, share);
  std::stable_sort(sources.begin(), sources.end(),
                   [](const auto& a, const auto& b) { return a.second["text_bytes"] > b.second["text_bytes"]; });
  TextTable table({"", "documents", "tokens", "text", "bytes/token"});
  for (std::size_t i = 0; i < std::min(n_sources, sources.size()); ++i) {
    add_row(table, sources[i].first.empty() ? "(no source)" : sources[i].first, sources[i].second);
  }
  if (sources.size() > n_sources) table.add({std::to_string(sources.size() - n_sources) + " more", "", "", "", ""});
  add_row(table, "all", usage["all"]);
  std::printf("%s%zu ids never occur: %s\n", table.text().c_str(), usage["unused"].size(),
              listed(usage["unused"]).c_str());
}

void print(const Json& all) {
  const auto text = [&](const char* key) {
    if (all[key].is_null()) return std::string("none");
    return all[key].is_string() ? all[key].get<std::string>() : dump_json(all[key]);
  };
  std::printf("vocabulary     %s ids, %s merges, digest %.12s\n", text("vocab_size").c_str(), text("merges").c_str(),
              text("digest").c_str());
  std::printf("pre-tokenizer  %s (llama.cpp: %s)\n", text("pretokenizer").c_str(),
              text("gguf_name").empty() ? "unknown there" : text("gguf_name").c_str());
  std::printf("special        %s\n", listed(all["special"]).c_str());
  std::printf("roles          end of text %s, bos %s, eos %s, pad %s\n", text("end_of_text").c_str(),
              text("bos").c_str(), text("eos").c_str(), text("pad").c_str());
  std::printf("longest        %s\n", listed(all["longest"]).c_str());
  if (all.contains("text")) print_cut(all["text"]);
  if (all.contains("usage")) print_usage(all["usage"]);
}

}  // namespace

int run(const TokenizeInspectOptions& options, Context& context) {
  const Tokenizer tokenizer = Tokenizer::load(options.tokenizer);
  Json all = vocabulary(tokenizer);
  if (!options.text.empty()) {
    all["text"] = text_tokens(tokenizer, options.text == "-" ? tokenize_detail::read_stdin() : options.text);
  }
  if (!options.tokens.empty() || !options.documents.empty()) all["usage"] = usage_json(tokenizer, options, context);
  if (context.json) {
    std::printf("%s\n", dump_json(all).c_str());
  } else {
    print(all);
  }
  return 0;
}

}  // namespace hearth::tools
