// SPDX-License-Identifier: Apache-2.0
// Encodings that nothing declares, told from their bytes by uchardet (Mozilla's detector), and believed only when what
// comes out reads like writing: letters, in words whose case is that of words.
#include <uchardet.h>
#include <utf8proc.h>

#include <algorithm>
#include <memory>

#include "lib/text/encoding.h"

namespace hearth::text {
namespace {

constexpr std::size_t looked_at_bytes = 256u << 10;  // the rest is of the same encoding, or lost

std::string charset_of(std::string_view bytes) {
  const std::unique_ptr<uchardet, decltype(&uchardet_delete)> detector(uchardet_new(), uchardet_delete);
  if (uchardet_handle_data(detector.get(), bytes.data(), std::min(bytes.size(), looked_at_bytes)) != 0) return {};
  uchardet_data_end(detector.get());
  return uchardet_get_charset(detector.get());
}

// Of the characters of Chinese, Japanese and Korean some that every text has many of; bytes without order, read as
// these, have few.
constexpr std::u32string_view common_wide =
    U"的一是不了人我在有他这這来來个個上们們到说說国國和地也子时時道出而要于於之就下得可你年生自会會那能对對事其所去行"
    U"过過家用"
    U"のにはをたがでてとしれさいあなもるっこく、。，이다는에의을를가고은한도로지사하";

// Cyrillic read as another Cyrillic, say, has capitals inside words, or signs where letters should be.
bool reads_like_writing(std::string_view text) {
  std::uint64_t n_foreign = 0, n_letters = 0, n_odd_capitals = 0, n_wide = 0, n_common = 0;
  bool after_small_letter = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t character = next_code_point(text, at);
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(character));
    const bool is_letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
    if (character >= 0x2e80) {
      ++n_wide;
      n_common += common_wide.find(character) != std::u32string_view::npos ? 1 : 0;
    }
    if (character >= 0x80) {
      ++n_foreign;
      n_letters += is_letter ? 1 : 0;
      n_odd_capitals += category == UTF8PROC_CATEGORY_LU && after_small_letter ? 1 : 0;
    }
    after_small_letter = category == UTF8PROC_CATEGORY_LL;
  }
  return n_letters * 10 >= n_foreign * 7 && n_odd_capitals * 20 <= n_letters && n_common * 20 >= n_wide;
}

}  // namespace

bool decode_by_guess(std::string_view bytes, Decoded& decoded) {
  const std::string charset = charset_of(bytes);
  if (charset.empty() || charset == "ASCII" || charset == "UTF-8") return false;
  Decoded guessed;
  if (decode_as(charset, bytes, guessed) || !reads_like_writing(guessed.text)) return false;
  decoded = std::move(guessed);
  decoded.encoding = Encoding::guessed;
  return true;
}

}  // namespace hearth::text
