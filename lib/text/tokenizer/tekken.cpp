// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/tekken.h"

#include "lib/base/json_value.h"
#include "lib/text/tokenizer/rank_merges.h"

namespace hearth::text {
namespace {

// What files up to version 7 leave out.
constexpr const char* early_special[] = {"<unk>",
                                         "<s>",
                                         "</s>",
                                         "[INST]",
                                         "[/INST]",
                                         "[AVAILABLE_TOOLS]",
                                         "[/AVAILABLE_TOOLS]",
                                         "[TOOL_RESULTS]",
                                         "[/TOOL_RESULTS]",
                                         "[TOOL_CALLS]",
                                         "[IMG]",
                                         "<pad>",
                                         "[IMG_BREAK]",
                                         "[IMG_END]",
                                         "[PREFIX]",
                                         "[MIDDLE]",
                                         "[SUFFIX]",
                                         "[SYSTEM_PROMPT]",
                                         "[/SYSTEM_PROMPT]",
                                         "[TOOL_CONTENT]"};

std::vector<std::string> special_names(const Json& root, const Json& config, std::string_view where) {
  std::vector<std::string> names;
  if (root.contains("special_tokens") && root.at("special_tokens").is_array()) {
    for (const Json& token : root.at("special_tokens")) {
      if (json_get<std::size_t>(token, "rank", where) != names.size()) {
        throw Error(Kind::data, std::string(where) + ": the special tokens do not stand in order of rank");
      }
      names.push_back(json_get<std::string>(token, "token_str", where));
    }
  } else {
    const auto version = json_get<std::string>(config, "version", where);
    if (version != "v1" && version != "v2" && version != "v3" && version != "v7") {
      throw Error(Kind::data, std::string(where) + ": a file of version " + version + " without special tokens");
    }
    names.assign(std::begin(early_special), std::end(early_special));
  }
  return names;
}

}  // namespace

bool looks_like_tekken(std::string_view text) {
  const std::string_view begin = text.substr(0, 1 << 20);
  return begin.find("\"default_num_special_tokens\"") != std::string_view::npos &&
         begin.find("\"default_vocab_size\"") != std::string_view::npos;
}

TokenizerFile parse_tekken(std::string_view text, std::string_view where) {
  const Json root = parse_json(text, where);
  const auto fail = [&](const std::string& what) { throw Error(Kind::data, std::string(where) + ": " + what); };
  if (!root.contains("config") || !root.contains("vocab") || !root.at("vocab").is_array()) {
    fail("not a tekken.json: 'config' or 'vocab' is missing");
  }
  const Json& config = root.at("config");
  const std::vector<std::string> pattern{json_get<std::string>(config, "pattern", where)};
  const PatternInfo* const known = pattern_by_regexes(pattern);
  if (known == nullptr) fail("the regular expression is not one that hearth knows:\n  " + pattern[0]);

  const auto size = json_get<std::uint32_t>(config, "default_vocab_size", where);
  const auto n_special = json_get<std::uint32_t>(config, "default_num_special_tokens", where);
  std::vector<std::string> special = special_names(root, config, where);
  if (special.size() > n_special) fail("more special tokens than " + std::to_string(n_special));
  while (special.size() < n_special) special.push_back("<SPECIAL_" + std::to_string(special.size()) + ">");
  const Json& vocab = root.at("vocab");
  if (size < n_special || size - n_special > vocab.size()) {
    fail("a vocabulary of " + std::to_string(size) + " with " + std::to_string(n_special) +
         " special tokens cannot be had from " + std::to_string(vocab.size()) + " ranks");
  }
  std::vector<std::string> tokens;
  for (std::size_t rank = 0; rank < size - n_special; ++rank) {
    if (json_get<std::size_t>(vocab[rank], "rank", where) != rank) fail("the tokens do not stand in order of rank");
    tokens.push_back(strict_base64(json_get<std::string>(vocab[rank], "token_bytes", where), where));
  }
  TokenizerFile file = file_of_ranks(tokens, n_special, where);
  file.pattern = known->pattern;
  for (std::uint32_t id = 0; id < n_special; ++id) {
    file.tokens[id] = special[id];
    file.added.push_back({id, special[id]});
  }
  return file;
}

}  // namespace hearth::text
