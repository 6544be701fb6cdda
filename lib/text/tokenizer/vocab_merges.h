// SPDX-License-Identifier: Apache-2.0
// The older pair of files of byte-level BPE: vocab.json (token to id) and merges.txt (a merge a line, in order of
// rank).
#pragma once
#include <string_view>

#include "lib/text/tokenizer/tokenizer_json.h"

namespace hearth::text {

// Without added tokens; pattern gpt2. Throws Error{data} naming where.
TokenizerFile parse_vocab_and_merges(std::string_view vocab, std::string_view merges, std::string_view where);

}  // namespace hearth::text
