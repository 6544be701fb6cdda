// SPDX-License-Identifier: Apache-2.0
// tiktoken's files of ranks: a line a token, its bytes in base64 and its rank. The regular expression and the special
// tokens are not in the file: known files are told by their SHA-256; others need the name of a pre-tokenizer, and have
// the special tokens that a tokenizer_config.json beside them lists.
#pragma once
#include <string>
#include <string_view>

#include "lib/text/tokenizer/tokenizer_json.h"

namespace hearth::text {

bool looks_like_ranks(std::string_view text);  // by its first line

// pretokenizer: the name of a pattern; empty: that of the known file. Throws Error{data} naming where.
TokenizerFile parse_rank_file(std::string_view text, std::string_view where, std::string_view pretokenizer);

}  // namespace hearth::text
