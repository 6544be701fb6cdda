// SPDX-License-Identifier: Apache-2.0
#include "lib/data/packing.h"

#include <algorithm>
#include <map>

#include "lib/base/error.h"
#include "lib/base/rng.h"

namespace hearth::data {
namespace {

std::vector<Row> best_fit_decreasing(std::vector<Piece> pieces, std::uint32_t context) {
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const Piece& a, const Piece& b) { return a.n_tokens > b.n_tokens; });
  std::vector<Row> rows;
  std::multimap<std::uint32_t, std::size_t> by_space;  // free tokens -> row
  for (const Piece& piece : pieces) {
    auto best = by_space.lower_bound(piece.n_tokens);
    std::uint32_t space = context;
    std::size_t row = rows.size();
    if (best != by_space.end()) {
      std::tie(space, row) = *best;
      by_space.erase(best);
    } else {
      rows.emplace_back();
    }
    rows[row].pieces.push_back(piece);
    if (space > piece.n_tokens) by_space.emplace(space - piece.n_tokens, row);
  }
  return rows;
}

std::vector<Row> concatenate_and_split(const std::vector<Piece>& pieces, std::uint32_t context) {
  std::vector<Row> rows;
  std::uint32_t space = 0;
  for (Piece piece : pieces) {
    while (piece.n_tokens > 0) {
      if (space == 0) {
        rows.emplace_back();
        space = context;
      }
      Piece head = piece;
      head.n_tokens = std::min(space, piece.n_tokens);
      rows.back().pieces.push_back(head);
      space -= head.n_tokens;
      piece = {piece.begin + head.n_tokens, piece.n_tokens - head.n_tokens, false};
    }
  }
  return rows;
}

}  // namespace

std::uint32_t Row::n_tokens() const {
  std::uint32_t sum = 0;
  for (const Piece& piece : pieces) sum += piece.n_tokens;
  return sum;
}

PieceIndex::PieceIndex(const formats::TokensSplit& split, std::uint32_t context, bool has_start_token,
                       std::span<const std::uint16_t> only)
    : split_(split), context_(context), has_start_token_(has_start_token) {
  HEARTH_CHECK(context > 0, "rows need a length");
  first_piece_.reserve(split.n_documents() + 1);
  first_piece_.push_back(0);
  for (std::uint64_t document = 0; document < split.n_documents(); ++document) {
    const bool taken =
        only.empty() || std::binary_search(only.begin(), only.end(), split.document_source[document]);
    const std::uint64_t n = taken ? n_targets_of(document) : 0;  // a document without pieces is passed over
    n_targets_ += n;
    first_piece_.push_back(first_piece_.back() + (n + context - 1) / context);
  }
}

std::uint64_t PieceIndex::n_targets_of(std::uint64_t document) const {
  const std::uint64_t length = split_.document_offsets[document + 1] - split_.document_offsets[document];
  return has_start_token_ || length == 0 ? length : length - 1;
}

Piece PieceIndex::piece(std::uint64_t index, std::uint64_t epoch_key) const {
  const auto after = std::upper_bound(first_piece_.begin(), first_piece_.end(), index);
  HEARTH_CHECK(after != first_piece_.end(), "piece beyond the index");
  const auto document = static_cast<std::uint64_t>(after - first_piece_.begin()) - 1;
  const std::uint64_t n_targets = n_targets_of(document);
  const std::uint64_t n_whole = n_targets / context_, rest = n_targets % context_;
  const std::uint64_t part = index - first_piece_[document];
  const std::uint64_t rest_at = mix_seed(epoch_key, document) % (n_whole + 1);
  std::uint64_t offset = part * context_, length = context_;
  if (rest > 0 && part > rest_at) offset -= context_ - rest;
  if (rest > 0 && part == rest_at) length = rest;
  const std::uint64_t first_target = split_.document_offsets[document] + (has_start_token_ ? 0 : 1);
  return {first_target + offset, static_cast<std::uint32_t>(length), has_start_token_ && part == 0};
}

std::vector<Row> pack(const std::vector<Piece>& pieces, std::uint32_t context) {
  std::uint64_t n_tokens = 0;
  for (const Piece& piece : pieces) n_tokens += piece.n_tokens;
  std::vector<Row> rows = best_fit_decreasing(pieces, context);
  const std::uint64_t fewest = (n_tokens + context - 1) / context;
  const bool wasteful = rows.size() > fewest + fewest / 16 + 1;  // over one token in 16 would be padding
  return wasteful ? concatenate_and_split(pieces, context) : rows;
}

}  // namespace hearth::data
