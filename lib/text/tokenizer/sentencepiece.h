// SPDX-License-Identifier: Apache-2.0
// SentencePiece's .model files (a protobuf message) of BPE.
#pragma once
#include <string_view>

#include "lib/text/tokenizer/tokenizer_json.h"

namespace hearth::text {

bool looks_like_sentencepiece(std::string_view bytes);

// Control pieces and the unknown one become special tokens, the user's own are always found in text. The merges are all
// ways to cut a piece into two, the pieces by score, the order that transformers gives them. Throws Error{data} naming
// where and what cannot be done exactly: Unigram, a normalisation, cuts of white space.
TokenizerFile parse_sentencepiece(std::string_view bytes, std::string_view where);

}  // namespace hearth::text
