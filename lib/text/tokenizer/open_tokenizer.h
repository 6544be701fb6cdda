// SPDX-License-Identifier: Apache-2.0
// Which kind of tokenizer stands at a path, and what it says as a tokenizer.json.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "lib/text/tokenizer/side_files.h"
#include "lib/text/tokenizer/tokenizer_json.h"

namespace hearth::text {

struct OpenedTokenizer {
  std::string where;  // for messages
  std::string json;   // tokenizer.json as read, or as made of another kind of file
  TokenizerFile file;
  SideFiles side;
};

// path: a tokenizer.json, tekken.json, vocab.json with merges.txt beside it (or encoder.json with vocab.bpe), a file of
// ranks (.tiktoken, or Llama 3's tokenizer.model) or a SentencePiece model, or a folder with one of them, looked for in
// this order.
// pretokenizer: for kinds that do not say themselves how text is cut; empty: as known. Throws Error{missing} and
// Error{data}.
OpenedTokenizer open_tokenizer(const std::filesystem::path& path, std::string_view pretokenizer);

}  // namespace hearth::text
