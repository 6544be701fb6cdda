// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/side_files.h"

#include <algorithm>
#include <charconv>

#include "lib/base/file.h"
#include "lib/base/json_value.h"

namespace hearth::text {
namespace {

constexpr const char* config_name = "tokenizer_config.json";
constexpr const char* special_name = "special_tokens_map.json";
constexpr const char* template_name = "chat_template.jinja";

std::optional<std::string> read_if_there(const fs::path& path) {
  if (!fs::exists(path)) return std::nullopt;
  return read_file(path);
}

bool has(const TokenizerFile& file, std::string_view name) {
  return std::any_of(file.added.begin(), file.added.end(),
                     [&](const AddedToken& token) { return token.content == name; });
}

// The first of names that is an added token.
std::optional<std::string> first_of(const TokenizerFile& file, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (has(file, name)) return name;
  }
  return std::nullopt;
}

std::optional<std::string> usual_end_of_text(const TokenizerFile& file) {
  return first_of(file, {"<|endoftext|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>", "</s>", "<eos>"});
}

// A token in a config is its text or an object with the text as "content".
std::optional<std::string> token_in(const Json& config, const char* key) {
  if (!config.is_object() || !config.contains(key)) return std::nullopt;
  const Json& value = config.at(key);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.contains("content") && value.at("content").is_string()) {
    return value.at("content").get<std::string>();
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> default_special_tokens() {
  return {"<|endoftext|>", "<|pad|>",         "<|im_start|>",     "<|im_end|>", "<tool_call>",
          "</tool_call>",  "<tool_response>", "</tool_response>", "<think>",    "</think>"};
}

SideFiles read_side_files(const fs::path& folder) {
  return {read_if_there(folder / config_name), read_if_there(folder / special_name),
          read_if_there(folder / template_name)};
}

SideFiles make_side_files(const TokenizerFile& file, std::string_view end_of_text) {
  auto end = usual_end_of_text(file);
  if (!end && has(file, end_of_text)) end = end_of_text;
  const auto pad = first_of(file, {"<|pad|>"});
  Json special = Json::object();
  if (end) special["eos_token"] = *end;
  if (pad) special["pad_token"] = *pad;
  if (file.characters && file.characters->unknown != no_id) {
    special["unk_token"] = spaces_to_marks(file.characters->spelled[file.characters->unknown]);
  }
  Json others = Json::array();
  for (const AddedToken& token : file.added) {
    const bool named = token.content == end || token.content == pad || special.value("unk_token", "") == token.content;
    if (token.special && !named) others.push_back(token.content);
  }
  if (!others.empty()) special["additional_special_tokens"] = others;

  Json config{{"tokenizer_class", "PreTrainedTokenizerFast"},
              {"clean_up_tokenization_spaces", false},
              {"model_max_length", 1000000000}};
  config.update(special);
  SideFiles side{dump_json(config, 2) + "\n", dump_json(special, 2) + "\n", std::nullopt};
  if (has(file, "<|im_start|>") && has(file, "<|im_end|>")) side.chat_template = chatml_template;
  return side;
}

SideFiles converted_side_files(const SideFiles& found, const TokenizerFile& file, std::string_view where) {
  const Roles roles = roles_of(found, file, where);
  SideFiles side = make_side_files(file, roles.eos.value_or(""));
  Json config = parse_json(*side.config, where), special = parse_json(*side.special_tokens, where);
  const auto put = [&](const char* key, const std::optional<std::string>& token) {
    if (!token || !has(file, *token)) return;
    config[key] = *token;
    special[key] = *token;
  };
  put("bos_token", roles.bos ? roles.bos : first_of(file, {"<|begin_of_text|>", "<|startoftext|>", "<s>", "<bos>"}));
  put("eos_token", roles.eos);
  put("pad_token",
      roles.pad ? roles.pad : first_of(file, {"<|finetune_right_pad_id|>", "<|finetune_right_pad|>", "<pad>"}));
  side.config = dump_json(config, 2) + "\n";
  side.special_tokens = dump_json(special, 2) + "\n";
  if (found.chat_template) side.chat_template = found.chat_template;
  return side;
}

std::vector<AddedToken> added_tokens_in(const Json& config, std::string_view where) {
  std::vector<AddedToken> tokens;
  if (!config.is_object() || !config.contains("added_tokens_decoder")) return tokens;
  for (const auto& [key, entry] : config.at("added_tokens_decoder").items()) {
    std::uint32_t id = 0;
    const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    const auto content = json_get<std::string>(entry, "content", where);
    if (error != std::errc() || stop != key.data() + key.size() || id >= 1u << 24 || content.empty()) {
      throw Error(Kind::data, std::string(where) + ": an added token of the config has no id or no text: " + key);
    }
    tokens.push_back({id, content, json_get_or(entry, "special", where, false),
                      json_get_or(entry, "normalized", where, false), json_get_or(entry, "lstrip", where, false),
                      json_get_or(entry, "rstrip", where, false), json_get_or(entry, "single_word", where, false)});
  }
  return tokens;
}

Roles roles_of(const SideFiles& side, const TokenizerFile& file, std::string_view where) {
  Roles roles;
  if (side.config) {
    const Json config = parse_json(*side.config, where);
    roles.bos = token_in(config, "bos_token");
    roles.eos = token_in(config, "eos_token");
    roles.pad = token_in(config, "pad_token");
  }
  roles.end_of_text = usual_end_of_text(file);
  if (!roles.end_of_text) roles.end_of_text = roles.eos;
  return roles;
}

void write_side_files(const SideFiles& side, const fs::path& folder) {
  if (side.config) write_file(folder / config_name, *side.config);
  if (side.special_tokens) write_file(folder / special_name, *side.special_tokens);
  if (side.chat_template) write_file(folder / template_name, *side.chat_template);
}

}  // namespace hearth::text
