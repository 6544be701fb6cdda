// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "formats/tokens.h"
#include "lib/base/json_value.h"
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

Json usage(const Tokenizer& tokenizer, const std::string& tokenizer_path, const std::string& path) {
  const TokensReader reader(path);
  tokenize_detail::require_same_tokenizer(path, reader.header().tokenizer_digest, tokenizer, tokenizer_path);
  std::vector<std::uint64_t> counts(tokenizer.vocab_size());
  std::uint64_t n_tokens = 0, text_bytes = 0;
  for (const formats::Split name : tokenize_detail::splits_named({})) {
    const TokensSplit& split = reader.split(name);
    for (std::uint64_t i = 0; i < split.n_tokens(); ++i) {
      if ((i & 0xFFFFF) == 0) tokenize_detail::throw_if_stopped();
      if (split.id(i) < counts.size()) ++counts[split.id(i)];
    }
    n_tokens += split.n_tokens();
    text_bytes += split.text_bytes;
  }
  Json unused = Json::array();
  for (std::uint32_t id = 0; id < counts.size(); ++id) {
    if (counts[id] == 0 && !tokenizer.is_special(id)) unused.push_back(token_json(tokenizer, id));
  }
  return {{"file", path},
          {"tokens", n_tokens},
          {"text_bytes", text_bytes},
          {"bytes_per_token", n_tokens == 0 ? 0.0 : static_cast<double>(text_bytes) / static_cast<double>(n_tokens)},
          {"unused", unused}};
}

std::string listed(const Json& tokens) {
  std::string line;
  for (std::size_t i = 0; i < std::min(tokens.size(), n_shown); ++i) {
    line += (i == 0 ? "" : "  ") + tokens[i]["text"].get<std::string>() + " (" + dump_json(tokens[i]["id"]) + ")";
  }
  return line + (tokens.size() > n_shown ? "  ..." : "");
}

// The tokens of a text one after the other: in changing colours on a terminal, between bars elsewhere.
void print_cut(const Json& cut) {
  static const char* const colours[] = {"\033[30;46m", "\033[30;43m", "\033[30;42m", "\033[30;45m"};
  const bool colour = isatty(STDOUT_FILENO) != 0;
  std::size_t i = 0;
  for (const Json& token : cut["tokens"]) {
    const std::string text = token["text"].get<std::string>();
    std::printf(colour ? "%s%s\033[0m" : "%s%s", colour ? colours[i % 4] : i == 0 ? "" : "|", text.c_str());
    ++i;
  }
  std::printf("\n%zu tokens, %llu bytes\n", i, static_cast<unsigned long long>(cut["text_bytes"].get<std::uint64_t>()));
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
  if (!all.contains("usage")) return;
  const Json& usage = all["usage"];
  std::printf("%s: %s tokens, %s bytes a token, %zu ids never occur: %s\n", usage["file"].get<std::string>().c_str(),
              human_count(usage["tokens"].get<double>()).c_str(),
              format_number(usage["bytes_per_token"].get<double>(), 3).c_str(), usage["unused"].size(),
              listed(usage["unused"]).c_str());
}

}  // namespace

int run(const TokenizeInspectOptions& options, Context& context) {
  const Tokenizer tokenizer = Tokenizer::load(options.tokenizer);
  Json all = vocabulary(tokenizer);
  if (!options.text.empty()) all["text"] = text_tokens(tokenizer, options.text);
  if (!options.tokens.empty()) all["usage"] = usage(tokenizer, options.tokenizer, options.tokens);
  if (context.json) {
    std::printf("%s\n", dump_json(all).c_str());
  } else {
    print(all);
  }
  return 0;
}

}  // namespace hearth::tools
