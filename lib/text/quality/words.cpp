// SPDX-License-Identifier: Apache-2.0
#include "lib/text/quality/words.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "lib/text/tokenizer/unicode_classes.h"

namespace hearth::text {
namespace {

enum : std::uint8_t { space = 1, named = 2, letter = 4, number = 8, multibyte = 16 };

constexpr std::array<std::uint8_t, 256> byte_kinds = [] {
  std::array<std::uint8_t, 256> kinds{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool alpha = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    if (byte >= 0x80)
      kinds[byte] = multibyte;
    else if (byte == ' ' || (byte >= '\t' && byte <= '\r') || (byte >= 0x1c && byte <= 0x1f))
      kinds[byte] = space;
    else if (alpha)
      kinds[byte] = named | letter;
    else if (byte >= '0' && byte <= '9')
      kinds[byte] = named | number;
  }
  return kinds;
}();

constexpr std::uint64_t prime_a = 0x9E3779B97F4A7C15u, prime_b = 0xD6E8FEB86659FD93u;

std::uint64_t mix(std::uint64_t hash, std::uint64_t block) {
  hash = (hash ^ block) * prime_a;
  return hash ^ (hash >> 29);
}

// The last, incomplete block of a word: n < 8 bytes.
std::uint64_t tail_of(const char* p, std::size_t n) {
  std::uint64_t block = 0;
  std::memcpy(&block, p, n);
  return block;
}

// How many characters make a word of a script without spaces; 0 for others, 1 for its punctuation.
unsigned unspaced_length(char32_t c, CharClass cls) {
  if (c < 0x0E00) return 0;
  if (c < 0x1100) return c < 0x10A0 ? 4 : 0;  // Thai, Lao, Tibetan, Myanmar
  if (c >= 0x1780 && c < 0x1800) return 4;    // Khmer
  if (c < 0x2E80) return 0;
  const bool mark = in(cls, set_of({CharClass::punctuation, CharClass::symbol}));
  if (c < 0x3130 || (c >= 0x31A0 && c < 0xA000) || (c >= 0xF900 && c < 0xFB00)) return mark ? 1 : 2;
  if (c >= 0xFF00 && c < 0xFFF0) return mark ? 1 : (c >= 0xFF66 && c < 0xFFA0 ? 2 : 0);  // half-width kana
  return c >= 0x1B000 && c < 0x40000 && !(c >= 0x1D000 && c < 0x20000) ? 2 : 0;  // kana supplement, planes 2 and 3
}

class Splitter {
 public:
  Splitter(std::string_view text, std::vector<Word>* words)
      : begin_(text.data()), end_(text.data() + text.size()), words_(words), classes_(class_table()) {}

  WordCounts split() {
    const char* p = begin_;
    while (p < end_) {
      const std::uint8_t kind = byte_kinds[static_cast<unsigned char>(*p)];
      if (kind & space) {
        ++p;
      } else {
        p = take_word(p);
      }
    }
    return counts_;
  }

 private:
  // From a byte that is not ASCII white space to behind the word it begins.
  const char* take_word(const char* word) {
    const char* p = word;
    std::uint64_t n_continued = 0;  // bytes that are no characters of their own
    unsigned kinds = 0;
    while (p < end_) {
      const std::uint8_t kind = byte_kinds[static_cast<unsigned char>(*p)];
      if (kind & space) break;
      if (kind & multibyte) {
        const Char c = decode(p);
        if (in(c.cls, white_space)) break;
        if (const unsigned length = unspaced_length(c.code_point, c.cls); length > 0) {
          if (p == word) return take_unspaced(p, length);
          break;
        }
        kinds |= kind_of(c);
        n_continued += c.length - 1u;
        p += c.length;
        continue;
      }
      kinds |= kind;
      counts_.n_letters += kind / letter & 1u;
      counts_.n_numbers += kind / number & 1u;
      ++p;
    }
    if (p == word) return word + decode(word).length;  // white space beyond ASCII
    finish(word, p, static_cast<std::uint64_t>(p - word) - n_continued, kinds, true);
    return p;
  }

  // A word of at most length characters of one script without spaces.
  const char* take_unspaced(const char* word, unsigned length) {
    const char* p = word;
    unsigned n = 0;
    while (p < end_ && n < length && (static_cast<unsigned char>(*p) & 0x80u)) {
      const Char c = decode(p);
      if (unspaced_length(c.code_point, c.cls) != length) break;
      kind_of(c);
      p += c.length;
      ++n;
    }
    if (length > 1) finish(word, p, n, named | letter, false);
    return p;
  }

  Char decode(const char* p) const {
    return decode_multibyte(reinterpret_cast<const unsigned char*>(p), reinterpret_cast<const unsigned char*>(end_),
                            classes_);
  }

  // What the character makes of its word; counts it by its class.
  unsigned kind_of(const Char& c) {
    counts_.n_wide += is_wide(c.code_point) ? 1 : 0;
    if (in(c.cls, letters | marks)) {
      ++counts_.n_letters;
      return named | letter;
    }
    counts_.n_numbers += in(c.cls, numbers) ? 1 : 0;
    return in(c.cls, set_of({CharClass::punctuation})) ? 0 : named;
  }

  void finish(const char* word, const char* end, std::uint64_t n_characters, unsigned kinds, bool spaced) {
    ++counts_.n_words;
    counts_.n_characters += n_characters;
    counts_.longest_characters = std::max(counts_.longest_characters, n_characters);
    if (kinds & named) {
      ++counts_.n_named;
      counts_.n_spaced += spaced ? 1 : 0;
      counts_.spaced_characters += spaced ? n_characters : 0;
    }
    counts_.n_alphabetic += kinds / letter & 1u;
    if (words_ == nullptr) return;
    const auto bytes = static_cast<std::size_t>(end - word);
    std::uint64_t hash;
    if (bytes < 8 && end_ - word >= 8) {  // most words: one load, the bytes behind the word masked off
      std::uint64_t block;
      std::memcpy(&block, word, 8);
      hash = mix(mix(prime_b, bytes), block & ((std::uint64_t{1} << (8 * bytes)) - 1));
    } else {
      hash = hash_word({word, bytes});
    }
    words_->push_back({hash, static_cast<std::uint32_t>(n_characters)});
  }

  const char *begin_, *end_;
  std::vector<Word>* words_;
  const CharClass* classes_;
  WordCounts counts_;
};

}  // namespace

std::uint64_t hash_word(std::string_view word) {
  static_assert(std::endian::native == std::endian::little, "blocks are read as they lie");
  std::uint64_t hash = mix(prime_b, word.size());
  std::size_t at = 0;
  for (; at + 8 <= word.size(); at += 8) {
    std::uint64_t block;
    std::memcpy(&block, word.data() + at, 8);
    hash = mix(hash, block);
  }
  return mix(hash, tail_of(word.data() + at, word.size() - at));
}

bool is_wide(char32_t c) {
  return (c >= 0x1100 && c < 0x1160) || (c >= 0x2E80 && c < 0xA4D0) || (c >= 0xAC00 && c < 0xD7B0) ||
         (c >= 0xF900 && c < 0xFB00) || (c >= 0xFF00 && c < 0xFF61) || (c >= 0x20000 && c < 0x40000);
}

WordCounts split_words(std::string_view text, std::vector<Word>* words) {
  if (words != nullptr) {
    words->clear();
    words->reserve(text.size() / 6 + 16);
  }
  return Splitter(text, words).split();
}

}  // namespace hearth::text
