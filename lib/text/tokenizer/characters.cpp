// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/characters.h"

#include <algorithm>
#include <charconv>

#include "lib/text/tokenizer/unicode_classes.h"

namespace hearth::text {
namespace {

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string made;
  made.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t found = std::min(text.find(what, at), text.size());
    made += text.substr(at, found - at);
    at = found;
    if (at == text.size()) break;
    made += by;
    at += what.size();
  }
  return made;
}

Char character_at(const char* p, const char* end) {
  const auto* const bytes = reinterpret_cast<const unsigned char*>(p);
  if (*bytes < 0x80) return {*bytes, CharClass::other, 1};
  return decode_multibyte(bytes, reinterpret_cast<const unsigned char*>(end), class_table());
}

}  // namespace

bool CharacterLevel::has_all_bytes() const {
  return std::find(byte_ids.begin(), byte_ids.end(), no_id) == byte_ids.end();
}

std::string marks_to_spaces(std::string_view text) {
  return replaced(text, space_mark, " ");
}
std::string spaces_to_marks(std::string_view text) {
  return replaced(text, " ", space_mark);
}

std::optional<unsigned char> byte_of_token(std::string_view spelled) {
  if (spelled.size() != 6 || !spelled.starts_with("<0x") || spelled[5] != '>') return std::nullopt;
  unsigned value = 0;
  const char* const end = spelled.data() + 5;
  const auto [stop, error] = std::from_chars(spelled.data() + 3, end, value, 16);
  if (error != std::errc() || stop != end) return std::nullopt;
  return static_cast<unsigned char>(value);
}

std::string bytes_of_token(std::string_view spelled) {
  if (const auto byte = byte_of_token(spelled)) return std::string(1, static_cast<char>(*byte));
  return marks_to_spaces(spelled);
}

CharacterSymbols::CharacterSymbols(const CharacterLevel& level)
    : byte_ids_(level.byte_ids), unknown_(level.unknown), joins_unknown_(level.joins_unknown) {
  for (std::uint32_t id = 0; id < level.spelled.size(); ++id) {
    const std::string& token = level.spelled[id];
    if (token.empty()) continue;
    const Char first = character_at(token.data(), token.data() + token.size());
    if (first.length != token.size() || first.code_point == invalid_code_point) continue;
    if (first.code_point >= id_of_code_point_.size()) id_of_code_point_.resize(first.code_point + 1, no_id);
    id_of_code_point_[first.code_point] = id;
  }
}

bool CharacterSymbols::append_bytes(std::string_view character, std::vector<std::uint32_t>& symbols) const {
  const std::size_t before = symbols.size();
  for (const char c : character) {
    const std::uint32_t id = byte_ids_[static_cast<unsigned char>(c)];
    if (id == no_id) {
      symbols.resize(before);
      return false;
    }
    symbols.push_back(id);
  }
  return true;
}

// An unknown token waits for what may join it and is not written before bytes are, only before characters: the order
// that tokenizers gives where some bytes have tokens and others have not.
void CharacterSymbols::append(std::string_view text, std::vector<std::uint32_t>& symbols) const {
  bool waiting = false;
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p < end;) {
    const Char c = character_at(p, end);
    const std::uint32_t id = c.code_point < id_of_code_point_.size() ? id_of_code_point_[c.code_point] : no_id;
    if (id != no_id) {
      if (waiting) symbols.push_back(unknown_);
      waiting = false;
      symbols.push_back(id);
    } else if (!append_bytes({p, c.length}, symbols) && unknown_ != no_id) {
      if (waiting && !joins_unknown_) symbols.push_back(unknown_);
      waiting = true;
    }
    p += c.length;
  }
  if (waiting) symbols.push_back(unknown_);
}

}  // namespace hearth::text
