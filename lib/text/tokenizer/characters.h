// SPDX-License-Identifier: Apache-2.0
// SentencePiece-style BPE: it merges characters, not bytes, writes spaces as U+2581, and falls back to tokens for
// single bytes (<0x0A>) where the vocabulary lacks a character. Inside hearth such text holds a space wherever the
// files write U+2581; the two mean the same there, and text stays nearly as it is.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::text {

constexpr std::string_view space_mark = "\xe2\x96\x81";  // U+2581
constexpr std::uint32_t no_id = 0xffffffffu;

struct CharacterLevel {
  // Whether a space is put in front of each stretch of text between added tokens.
  enum class Prefix { none, always, where_missing, where_missing_at_begin };
  Prefix prefix = Prefix::none;
  bool by_normalizer = false;     // marks and prefix come before added tokens with `normalized` are looked for
  bool cut_at_spaces = false;     // each space begins a piece
  bool joins_unknown = false;     // characters without a token, side by side, are one unknown token
  std::uint32_t unknown = no_id;  // no_id: such characters vanish
  std::array<std::uint32_t, 256> byte_ids;  // no_id: no token for this byte
  unsigned n_stripped = 0;                  // spaces that decoding drops where the text begins
  std::vector<std::string> spelled;         // of the model's ids, as inside hearth; empty: cannot occur in text

  CharacterLevel() { byte_ids.fill(no_id); }
  bool has_all_bytes() const;
};

std::string marks_to_spaces(std::string_view text);
std::string spaces_to_marks(std::string_view text);
// The byte that a token like <0x0A> stands for.
std::optional<unsigned char> byte_of_token(std::string_view spelled);
// What decoding gives for a token of a file.
std::string bytes_of_token(std::string_view spelled);

// The symbols that merging begins with.
class CharacterSymbols {
 public:
  explicit CharacterSymbols(const CharacterLevel& level);
  // Appends those of text: the id of each character, else of its bytes, else unknown.
  void append(std::string_view text, std::vector<std::uint32_t>& symbols) const;

 private:
  bool append_bytes(std::string_view character, std::vector<std::uint32_t>& symbols) const;

  std::vector<std::uint32_t> id_of_code_point_;
  std::array<std::uint32_t, 256> byte_ids_;
  std::uint32_t unknown_;
  bool joins_unknown_;
};

}  // namespace hearth::text
