// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/open_tokenizer.h"

#include <algorithm>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json_value.h"
#include "lib/base/text.h"
#include "lib/text/tokenizer/byte_level.h"
#include "lib/text/tokenizer/rank_file.h"
#include "lib/text/tokenizer/sentencepiece.h"
#include "lib/text/tokenizer/tekken.h"
#include "lib/text/tokenizer/vocab_merges.h"

namespace hearth::text {
namespace {

constexpr std::pair<const char*, const char*> pairs[] = {{"vocab.json", "merges.txt"}, {"encoder.json", "vocab.bpe"}};

fs::path file_in(const fs::path& folder) {
  for (const char* name : {"tokenizer.json", "tekken.json", "vocab.json", "encoder.json"}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  std::vector<fs::path> ranks;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".tiktoken" || path.filename() == "tokenizer.model" ||
        path.filename() == "tiktoken.model") {
      ranks.push_back(path);
    }
  }
  if (ranks.size() > 1) {
    throw Error(Kind::config,
                folder.string() + ": holds more than one .tiktoken or tokenizer.model: name the one to take");
  }
  return ranks.empty() ? folder / "tokenizer.json" : ranks.front();
}

// The other file of a pair, by the name of either.
std::optional<std::pair<fs::path, fs::path>> pair_of(const fs::path& path) {
  for (const auto& [vocab, merges] : pairs) {
    if (path.filename() == vocab || path.filename() == merges) {
      return std::pair(path.parent_path() / vocab, path.parent_path() / merges);
    }
  }
  return std::nullopt;
}

// GPT-2's unless the config names a class that has another.
void choose_pattern(TokenizerFile& file, const Json& config, std::string_view pretokenizer, std::string_view where) {
  const auto name = json_get_or<std::string>(config, "tokenizer_class", where, "GPT2Tokenizer");
  const bool qwen = name.starts_with("Qwen2Tokenizer");
  if (json_get_or(config, "add_prefix_space", where, false)) {
    throw Error(Kind::data, std::string(where) + ": hearth cannot do add_prefix_space exactly");
  }
  if (pretokenizer.empty() && !qwen && !name.starts_with("GPT2Tokenizer")) {
    throw Error(Kind::data, std::string(where) + ": of the class " + name +
                                ", of which hearth does not know how it cuts text into pieces: convert it by "
                                "`tokenize convert --pretokenizer NAME`");
  }
  file.nfc = qwen;
  file.pattern = !pretokenizer.empty() ? pattern_named(pretokenizer) : qwen ? Pattern::qwen2 : Pattern::gpt2;
}

void add_token(TokenizerFile& file, AddedToken token, std::string_view where) {
  if (token.id >= file.tokens.size()) file.tokens.resize(token.id + 1);
  std::string& there = file.tokens[token.id];
  const std::string bytes = file.characters ? bytes_of_token(token.content) : token.content;
  if (!there.empty() && there != bytes) {
    throw Error(Kind::data, std::string(where) + ": the added token '" + token.content + "' has the id of another");
  }
  there = bytes;
  std::erase_if(file.added, [&](const AddedToken& known) { return known.id == token.id; });
  file.added.push_back(std::move(token));
}

// In a tokenizer.json names are keys: a special token and one of the text cannot be spelled alike.
void require_distinct_names(const TokenizerFile& file, std::string_view where) {
  std::vector<bool> is_added(file.tokens.size());
  for (const AddedToken& token : file.added) is_added[token.id] = true;
  for (std::size_t id = 0; id < file.tokens.size(); ++id) {
    if (is_added[id] || file.characters) continue;
    const std::string spelled = to_byte_level(file.tokens[id]);
    if (std::any_of(file.added.begin(), file.added.end(),
                    [&](const auto& token) { return token.content == spelled; })) {
      throw Error(Kind::data, std::string(where) + ": '" + spelled +
                                  "' is a special token and a piece of text, which a tokenizer.json cannot hold");
    }
  }
}

// What is left is a tokenizer.json, or a file of another kind that does not begin as such.
void require_json(std::string_view text, const fs::path& file) {
  const std::string_view begin = trim(text);
  if (begin.starts_with("{")) return;
  const std::string where = file.string();
  if (begin.empty()) throw Error(Kind::data, where + ": is empty; a tokenizer is wanted");
  if (file.extension() == ".model") {
    throw Error(Kind::data, where +
                                ": begins neither as a SentencePiece model nor as a list of tiktoken's ranks: it is "
                                "damaged, cut, or something else; fetch it again");
  }
  if (file.extension() == ".tiktoken") {
    throw Error(Kind::data, where + ": its first line is not a token in base64 and its rank, as of tiktoken's files");
  }
  throw Error(Kind::data,
              where +
                  ": is no tokenizer: neither JSON (tokenizer.json, tekken.json) nor tiktoken's ranks nor a "
                  "SentencePiece model");
}

TokenizerFile parse_pair(const std::pair<fs::path, fs::path>& paths, const Json& config,
                         std::string_view pretokenizer) {
  const std::string where = paths.first.string();
  TokenizerFile file = parse_vocab_and_merges(read_file(paths.first), read_file(paths.second), where);
  choose_pattern(file, config, pretokenizer, where);
  if (!config.contains("added_tokens_decoder")) {
    if (fs::exists(paths.first.parent_path() / "added_tokens.json")) {
      throw Error(Kind::data, where +
                                  ": has an added_tokens.json but no added_tokens_decoder in a tokenizer_config.json, "
                                  "which says what these tokens are");
    }
    const std::string end = "<|endoftext|>";
    const auto found = std::find(file.tokens.begin(), file.tokens.end(), end);
    if (found != file.tokens.end()) {
      add_token(file, {static_cast<std::uint32_t>(found - file.tokens.begin()), end}, where);
    }
  }
  return file;
}

}  // namespace

OpenedTokenizer open_tokenizer(const fs::path& path, std::string_view pretokenizer) {
  OpenedTokenizer opened;
  const fs::path file = fs::is_directory(path) ? file_in(path) : path;
  opened.where = file.string();
  opened.side = read_side_files(file.parent_path());
  const auto pair = pair_of(file);
  std::string text = read_file(file);
  const bool ranks = !pair && looks_like_ranks(text), tekken = !pair && !ranks && looks_like_tekken(text);
  const bool pieces = !pair && looks_like_sentencepiece(text);
  if (!pretokenizer.empty() && !pair && !ranks) {
    throw Error(Kind::config, opened.where + ": says itself how text is cut into pieces: leave --pretokenizer out");
  }
  if (!pair && !ranks && !tekken && !pieces) {
    require_json(text, file);
    opened.file = parse_tokenizer_json(text, opened.where);
    opened.json = std::move(text);
    return opened;
  }
  const Json config = opened.side.config ? parse_json(*opened.side.config, opened.where) : Json::object();
  opened.file = pair     ? parse_pair(*pair, config, pretokenizer)
                : tekken ? parse_tekken(text, opened.where)
                : pieces ? parse_sentencepiece(text, opened.where)
                         : parse_rank_file(text, opened.where, pretokenizer);
  if (!tekken) {
    for (AddedToken& token : added_tokens_in(config, opened.where))
      add_token(opened.file, std::move(token), opened.where);
  }
  std::sort(opened.file.added.begin(), opened.file.added.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  require_distinct_names(opened.file, opened.where);
  opened.json = write_tokenizer_json(opened.file);
  opened.side = converted_side_files(opened.side, opened.file, opened.where);
  return opened;
}

}  // namespace hearth::text
