// SPDX-License-Identifier: Apache-2.0
// tokenizer.json, tekken.json, models of SentencePiece and ranks of tiktoken, by what they begin with.
#include "lib/text/tokenizer/tokenizer.h"

#include "lib/text/tokenizer/rank_file.h"
#include "lib/text/tokenizer/sentencepiece.h"
#include "lib/text/tokenizer/tekken.h"
#include "tests/fuzz/fuzz.h"

FUZZ_TARGET(tokenizer) {
  using namespace hearth::text;
  if (looks_like_ranks(bytes)) {
    parse_rank_file(bytes, "ranks", "gpt2");
    return;
  }
  if (looks_like_tekken(bytes)) {
    parse_tekken(bytes, "tekken");
    return;
  }
  if (looks_like_sentencepiece(bytes)) {
    parse_sentencepiece(bytes, "model");
    return;
  }
  const Tokenizer tokenizer = Tokenizer::from_json(std::string(bytes), "tokenizer.json");
  tokenizer.encode("Some words, 12 numbers and caf\xc3\xa9.");
}
