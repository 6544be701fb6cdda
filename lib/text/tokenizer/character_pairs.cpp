// SPDX-License-Identifier: Apache-2.0
#include "lib/text/tokenizer/character_pairs.h"

#include <algorithm>

namespace hearth::text {

CharacterPairs::CharacterPairs(const TokenizerFile& file)
    : cut_at_spaces_(file.characters->cut_at_spaces), others_((std::size_t{1} << Bridges::pair_bits) / 64) {
  const CharacterLevel& level = *file.characters;
  const auto is_no_character = [&](std::uint32_t id) {
    return id == level.unknown || std::find(level.byte_ids.begin(), level.byte_ids.end(), id) != level.byte_ids.end();
  };
  // Unknown tokens may join across a cut, whole texts may be tokens, and merges of bytes cross characters.
  all_joined_ = !level.has_all_bytes() || file.ignore_merges;
  for (const Merge& merge : file.merges) {
    all_joined_ = all_joined_ || is_no_character(merge.left) || is_no_character(merge.right);
    join(level.spelled[merge.result]);
  }
  if (all_joined_) ascii_.fill({~std::uint64_t{0}, ~std::uint64_t{0}});
  for (auto& row : ascii_) {
    if (cut_at_spaces_) row[0] &= ~(std::uint64_t{1} << ' ');
  }
}

void CharacterPairs::join(std::string_view token) {
  if (token.empty()) return;
  const auto* p = reinterpret_cast<const unsigned char*>(token.data());
  const auto* const end = p + token.size();
  unsigned length = Bridges::length_of(p, end);
  for (const unsigned char* next = p + length; next < end; p = next, next += length) {
    const unsigned before = length;
    length = Bridges::length_of(next, end);
    if (*p < 0x80 && *next < 0x80) ascii_[*p][*next / 64] |= std::uint64_t{1} << (*next % 64);
    const std::uint32_t place = Bridges::place_of(Bridges::bytes_of(p, before), Bridges::bytes_of(next, length));
    others_[place / 64] |= std::uint64_t{1} << (place % 64);
  }
}

}  // namespace hearth::text
