// SPDX-License-Identifier: Apache-2.0
// tokenizer.json, Hugging Face's layout: what hearth can do exactly of it, and how it writes its own.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/text/tokenizer/characters.h"
#include "lib/text/tokenizer/merge_rules.h"
#include "lib/text/tokenizer/patterns.h"

namespace hearth::text {

struct AddedToken {
  std::uint32_t id = 0;
  std::string content;
  bool special = true;
  bool normalized = false;              // looked for in the normalised text, after those that are not
  bool lstrip = false, rstrip = false;  // takes the white space before it, behind it
  bool single_word = false;             // not where a character of a word touches it
};

struct TokenizerFile {
  Pattern pattern = Pattern::qwen2;
  bool nfc = false;            // normalise to NFC first
  bool ignore_merges = false;  // a piece that is a token is that token, whatever the merges say
  std::vector<std::string>
      tokens;  // [vocab_size] the bytes of each id, of added tokens their content; empty: no such id
  std::vector<std::uint32_t> byte_ids;       // [256]; empty with characters
  std::optional<CharacterLevel> characters;  // BPE of characters, as SentencePiece's; pattern is then sentencepiece
  std::vector<Merge> merges;
  std::vector<AddedToken> added;
};

// Throws Error{data} naming where, what in the file cannot be done exactly, and the value it has.
TokenizerFile parse_tokenizer_json(std::string_view text, std::string_view where);

// The file as text. Added tokens whose ids do not follow the model's without a gap stand in its vocabulary too, or the
// library would give them other ids.
std::string write_tokenizer_json(const TokenizerFile& file);

}  // namespace hearth::text
