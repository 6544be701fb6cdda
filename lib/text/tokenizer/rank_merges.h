// SPDX-License-Identifier: Apache-2.0
// A vocabulary given by ranks alone, as tiktoken's: two neighbours merge when their bytes together are a token, the
// lowest rank first. The same as a list of merges: of every token all the ways to cut it into two tokens.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/tokenizer/tokenizer_json.h"

namespace hearth::text {

// tokens: the bytes of each rank; first_id: the id of rank 0, below which ids are for special tokens. Ids, bytes and
// merges are filled in, and pieces that are tokens are taken whole, as tiktoken does. Throws Error{data} naming where
// when a byte has no token, a token is empty or stands twice.
TokenizerFile file_of_ranks(const std::vector<std::string>& tokens, std::uint32_t first_id, std::string_view where);

// Bytes of base64, with its padding. Throws Error{data} naming where for anything else.
std::string strict_base64(std::string_view text, std::string_view where);

}  // namespace hearth::text
