// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/rank_file.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/text/tokenizer/known_ranks.h"
#include "lib/text/tokenizer/rank_merges.h"

namespace hearth::text {
namespace {

struct Line {
  std::string_view token;  // base64
  std::uint32_t rank;
};

std::optional<Line> parse_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::size_t space = line.find(' ');
  if (space == 0 || space == std::string_view::npos) return std::nullopt;
  Line parsed{line.substr(0, space), 0};
  const char* const end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data() + space + 1, end, parsed.rank);
  if (error != std::errc() || stop != end) return std::nullopt;
  return parsed;
}

std::vector<std::string> read_ranks(std::string_view text, std::string_view where) {
  constexpr std::uint32_t most_ranks = 1u << 24;
  std::vector<std::string> tokens;
  std::size_t n_line = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++n_line;
    if (line.empty()) continue;
    const std::string at = std::string(where) + ": line " + std::to_string(n_line);
    const std::optional<Line> parsed = parse_line(line);
    if (!parsed || parsed->rank >= most_ranks) throw Error(Kind::data, at + " is not a token in base64 and its rank");
    if (parsed->rank >= tokens.size()) tokens.resize(parsed->rank + 1);
    if (!tokens[parsed->rank].empty()) throw Error(Kind::data, at + ": the rank stands there twice");
    tokens[parsed->rank] = strict_base64(parsed->token, at);
  }
  return tokens;
}

}  // namespace

bool looks_like_ranks(std::string_view text) {
  return parse_line(text.substr(0, text.substr(0, 1000).find('\n'))).has_value();
}

TokenizerFile parse_rank_file(std::string_view text, std::string_view where, std::string_view pretokenizer) {
  const KnownRanks* const known = known_ranks(sha256_hex(text));
  if (known == nullptr && pretokenizer.empty()) {
    throw Error(Kind::data, std::string(where) +
                                ": ranks of no tokenizer hearth knows: the file does not say how text is cut into "
                                "pieces, so convert it by `tokenize convert --pretokenizer NAME`");
  }
  TokenizerFile file = file_of_ranks(read_ranks(text, where), 0, where);
  file.pattern = known != nullptr ? known->pattern : Pattern::none;
  if (!pretokenizer.empty()) file.pattern = pattern_named(pretokenizer);
  if (known != nullptr) {
    file.nfc = known->nfc;
    for (const auto& [id, name] : known->special()) {
      if (id >= file.tokens.size()) file.tokens.resize(id + 1);
      file.tokens[id] = name;
      file.added.push_back({id, name});
    }
  }
  return file;
}

}  // namespace hearth::text
