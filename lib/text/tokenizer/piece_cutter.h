// SPDX-License-Identifier: Apache-2.0
// Cuts text into pieces, some hundred at a time: by masks over 64 bytes where it is ASCII, by the pattern's scanner
// elsewhere. What the scanners alone would give is the definition.
#pragma once
#include <cstddef>
#include <string_view>

#include "lib/text/tokenizer/ascii_masks.h"
#include "lib/text/tokenizer/bridges.h"
#include "lib/text/tokenizer/character_pairs.h"
#include "lib/text/tokenizer/patterns.h"

namespace hearth::text {

class PieceCutter {
 public:
  static constexpr std::size_t batch = 256;
  static constexpr std::size_t most_ends = batch + 64;

  // bridges: where pieces beyond ASCII may be cut further; nullptr: nowhere. It must outlive the cutter.
  PieceCutter(Pattern pattern, const Bridges* bridges, AsciiClassifier classify = ascii_classifier());
  // Of SentencePiece-style BPE, between characters that no merge can join. pairs must outlive the cutter.
  explicit PieceCutter(const CharacterPairs* pairs);

  // Writes the ends of the pieces from p on, which is the start of one and before the end of text; returns how many, at
  // least one. The pieces join without a gap: the last end is where the next call begins.
  std::size_t cut(std::string_view text, const unsigned char* p, const unsigned char** ends) const {
    return cut_(*this, text, p, ends);
  }

 private:
  using CutFunction = std::size_t (*)(const PieceCutter&, std::string_view, const unsigned char*,
                                      const unsigned char**);
  template <class Scanner>
  static std::size_t cut_with_scanner(const PieceCutter& self, std::string_view text, const unsigned char* p,
                                      const unsigned char** ends);
  template <class Scanner, auto rules>
  static std::size_t cut_with_masks(const PieceCutter& self, std::string_view text, const unsigned char* p,
                                    const unsigned char** ends);
  // The piece from p to next, cut further where it may be, as far as there is room for it.
  template <class Scanner>
  const unsigned char* one_piece(const Scanner& scanner, const unsigned char* p, const unsigned char**& ends,
                                 const unsigned char* const* ends_limit) const;
  static std::size_t cut_by_pairs(const PieceCutter& self, std::string_view text, const unsigned char* p,
                                  const unsigned char** ends);
  static CutFunction function_of(Pattern pattern);

  AsciiClassifier classify_ = nullptr;
  const Bridges* bridges_ = nullptr;
  const CharacterPairs* pairs_ = nullptr;
  CutFunction cut_;
};

}  // namespace hearth::text
