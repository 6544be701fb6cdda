// SPDX-License-Identifier: Apache-2.0
// Mistral's tekken.json: ranks of bytes as tiktoken's, cut to the size in use, behind ids for special tokens.
#pragma once
#include <string_view>

#include "lib/text/tokenizer/tokenizer_json.h"

namespace hearth::text {

bool looks_like_tekken(std::string_view text);

// The id of a token is its rank + the number of special tokens. Throws Error{data} naming where, also for a regular
// expression that hearth does not know (shown).
TokenizerFile parse_tekken(std::string_view text, std::string_view where);

}  // namespace hearth::text
