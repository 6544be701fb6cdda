// SPDX-License-Identifier: Apache-2.0
#include "lib/text/dedup/words.h"

#include <utf8proc.h>

#include <vector>

namespace hearth::text::dedup {
namespace {

// Marks that change how a letter sounds; those of other scripts (vowels of Hindi, Tamil, ...) are letters.
bool is_diacritic(char32_t character) {
  return (character >= 0x300 && character <= 0x36f) || (character >= 0x591 && character <= 0x5c7) ||
         (character >= 0x610 && character <= 0x65f) || character == 0x670 ||
         (character >= 0x1ab0 && character <= 0x1aff) || (character >= 0x1dc0 && character <= 0x1dff) ||
         (character >= 0x20d0 && character <= 0x20ff) || (character >= 0xfe20 && character <= 0xfe2f);
}

bool is_written_without_spaces(char32_t character) {
  return (character >= 0x0e00 && character <= 0x0eff) ||  // Thai, Lao
         (character >= 0x1000 && character <= 0x109f) ||  // Burmese
         (character >= 0x1780 && character <= 0x17ff) ||  // Khmer
         (character >= 0x3040 && character <= 0x30ff) ||  // kana
         (character >= 0x31f0 && character <= 0x31ff) ||  // kana of Ainu
         (character >= 0x3400 && character <= 0x9fff) ||  // Han
         (character >= 0xf900 && character <= 0xfaff) ||  // Han, of compatibility
         (character >= 0x20000 && character <= 0x3ffff);  // Han, extensions
}

// The character in lower case without its marks; of several (ligatures) the first.
char32_t base_of(char32_t character) {
  constexpr int most = 32;
  utf8proc_int32_t parts[most];
  int boundary_state = 0;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD);
  const auto n =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(character), parts, most, options, &boundary_state);
  return n < 1 || n > most ? character : static_cast<char32_t>(parts[0]);
}

std::uint32_t fold_of(char32_t character) {
  if (character == '\'' || character == 0x2019 || is_diacritic(character)) return Fold::dropped;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(character))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
      if (is_written_without_spaces(character)) return static_cast<std::uint32_t>(character) | Fold::alone;
      return static_cast<std::uint32_t>(base_of(character));
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NO:
      return static_cast<std::uint32_t>(base_of(character)) | Fold::digit;
    case UTF8PROC_CATEGORY_CF:
      return Fold::dropped;  // soft hyphens, joiners
    default:
      return Fold::separator;
  }
}

}  // namespace

const std::uint32_t* fold_table() {
  static const std::vector<std::uint32_t> table = [] {
    std::vector<std::uint32_t> folds(end_of_fold_table);
    for (char32_t character = 0; character < end_of_fold_table; ++character) folds[character] = fold_of(character);
    return folds;
  }();
  return table.data();
}

std::uint32_t fold_beyond_table(char32_t character) {
  return fold_of(character);
}

}  // namespace hearth::text::dedup
