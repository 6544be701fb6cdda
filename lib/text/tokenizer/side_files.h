// SPDX-License-Identifier: Apache-2.0
// The files that stand beside tokenizer.json in a Hugging Face folder: what the special tokens are for, and the chat
// template. Found ones are kept byte for byte; for a new tokenizer they are made.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/json.h"
#include "lib/text/tokenizer/tokenizer_json.h"

namespace hearth::text {

// The special tokens of a new tokenizer, in order of id: end of text, padding, and what the chat template writes.
std::vector<std::string> default_special_tokens();

struct SideFiles {
  std::optional<std::string> config;          // tokenizer_config.json
  std::optional<std::string> special_tokens;  // special_tokens_map.json
  std::optional<std::string> chat_template;   // chat_template.jinja
};

// What the special tokens are for, by name.
struct Roles {
  std::optional<std::string> end_of_text, bos, eos, pad;
};

SideFiles read_side_files(const std::filesystem::path& folder);  // those that exist
// end_of_text: the eos token when none of the usual names is there; empty: none.
SideFiles make_side_files(const TokenizerFile& file, std::string_view end_of_text);
// For a tokenizer.json made of another kind of file: new ones with the roles and the chat template of those found.
SideFiles converted_side_files(const SideFiles& found, const TokenizerFile& file, std::string_view where);
// The added tokens that a tokenizer_config.json lists (added_tokens_decoder); none when it does not. Throws Error{data}
// for one that cannot be found in a text exactly as it asks for.
std::vector<AddedToken> added_tokens_in(const Json& config, std::string_view where);
// From the config, where there is one; end_of_text by its usual names among the added tokens, else eos.
Roles roles_of(const SideFiles& side, const TokenizerFile& file, std::string_view where);
void write_side_files(const SideFiles& side, const std::filesystem::path& folder);

extern const char* const chatml_template;  // Jinja: ChatML, with tools

}  // namespace hearth::text
