// SPDX-License-Identifier: Apache-2.0
// Documents into rows of `context` tokens, losing and repeating nothing.
//
// A document longer than a row is split into whole rows and one rest; rests and short documents are put together by
// best-fit-decreasing within a window of some thousand shuffled pieces (reference: training.md 4d: 99.7 % of a row used
// on web text, against a third of all tokens thrown away by cropping, and against every document cut once by
// concatenate-and-split). Sizes that do not fit together (all documents at 0.6 of a row) would waste more: such a
// window is concatenated and split instead. Attention never crosses a piece's border.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "formats/tokens.h"

namespace hearth::data {

// Consecutive targets of one document. Its inputs are the tokens before each: [begin - 1, begin - 1 + n_tokens), where
// the token before a document's first is the end-of-text id (so each token of a document is predicted exactly once, and
// text can be generated from nothing but that id).
struct Piece {
  std::uint64_t begin = 0;     // position in the split of the first target
  std::uint32_t n_tokens = 0;  // 1..context
  bool starts_document = false;
  bool operator==(const Piece&) const = default;
};

struct Row {
  int source = 0;  // which tokens file of the mix
  std::vector<Piece> pieces;
  std::uint32_t n_tokens() const;
};

// The pieces of all documents of a split, by index, without a table per piece. In every epoch the rest of a long
// document takes another place among its whole rows, so that cuts fall differently.
class PieceIndex {
 public:
  // has_start_token: the split's tokenizer has an end-of-text id; without it a document's first token is no target.
  // only: the document sources (TokensSplit::document_source) to take, ascending; empty: all.
  PieceIndex(const formats::TokensSplit& split, std::uint32_t context, bool has_start_token,
             std::span<const std::uint16_t> only = {});
  std::uint64_t n_pieces() const { return first_piece_.back(); }
  std::uint64_t n_targets() const { return n_targets_; }
  Piece piece(std::uint64_t index, std::uint64_t epoch_key) const;

 private:
  std::uint64_t n_targets_of(std::uint64_t document) const;

  const formats::TokensSplit& split_;
  std::uint32_t context_;
  bool has_start_token_;
  std::uint64_t n_targets_ = 0;
  std::vector<std::uint64_t> first_piece_;  // [n_documents + 1]
};

// Packs pieces (each at most context long) into rows; the result depends on their order and nothing else.
std::vector<Row> pack(const std::vector<Piece>& pieces, std::uint32_t context);

}  // namespace hearth::data
