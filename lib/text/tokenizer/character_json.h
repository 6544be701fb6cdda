// SPDX-License-Identifier: Apache-2.0
// How a tokenizer.json describes SentencePiece-style BPE: spaces become U+2581 by a normalizer or by the pre-tokenizer
// Metaspace, and a sequence of decoders takes them back.
#pragma once
#include <string>
#include <string_view>

#include "lib/base/json.h"
#include "lib/text/tokenizer/characters.h"

namespace hearth::text {

// Whether a file's members ask for it. root: the whole file.
bool is_character_level(const nlohmann::json& root);

// All but `spelled`. Throws Error{data} naming where and what cannot be done exactly.
CharacterLevel read_character_level(const nlohmann::json& root, std::string_view where);

// The members normalizer, pre_tokenizer, post_processor and decoder, as text. level.prefix: none or always, by a
// normalizer; not cut at spaces.
std::string write_character_members(const CharacterLevel& level);

}  // namespace hearth::text
