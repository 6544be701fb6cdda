// SPDX-License-Identifier: Apache-2.0
#include "lib/data/batch.h"

#include <string>

#include "lib/base/error.h"

namespace hearth::data {
namespace {

std::int32_t checked(std::uint32_t id, const formats::TokensHeader& header) {
  if (id >= header.vocab_size) {
    throw Error(Kind::data, "token id " + std::to_string(id) + " is beyond the vocabulary of " +
                                std::to_string(header.vocab_size) + ": the tokens file is damaged");
  }
  return static_cast<std::int32_t>(id);
}

void append(Batch& batch, const Piece& piece, const SourceView& source) {
  const formats::TokensHeader& header = *source.header;
  std::int32_t input = piece.starts_document ? static_cast<std::int32_t>(header.end_of_text_id)
                                             : checked(source.split->id(piece.begin - 1), header);
  for (std::uint32_t i = 0; i < piece.n_tokens; ++i) {
    const std::int32_t target = checked(source.split->id(piece.begin + i), header);
    batch.tokens.push_back(input);
    batch.targets.push_back(target);
    batch.weights.push_back(1.0f);
    batch.positions.push_back(static_cast<std::int32_t>(i));
    batch.target_bytes += header.token_bytes.empty() ? 1 : header.token_bytes[static_cast<std::size_t>(target)];
    input = target;
  }
  batch.n_targets += piece.n_tokens;
  batch.cu_seqlens.push_back(static_cast<std::int32_t>(batch.tokens.size()));
}

void pad(Batch& batch, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    batch.tokens.push_back(0);
    batch.targets.push_back(-1);
    batch.weights.push_back(0.0f);
    batch.positions.push_back(static_cast<std::int32_t>(i));
  }
  if (n > 0) batch.cu_seqlens.push_back(static_cast<std::int32_t>(batch.tokens.size()));
}

}  // namespace

Batch assemble(std::span<const Row> rows, std::span<const SourceView> sources, std::uint32_t context,
               std::int64_t n_rows) {
  HEARTH_CHECK(static_cast<std::int64_t>(rows.size()) <= n_rows, "more rows than the batch holds");
  Batch batch;
  const std::size_t n = static_cast<std::size_t>(n_rows) * context;
  batch.tokens.reserve(n);
  batch.targets.reserve(n);
  batch.weights.reserve(n);
  batch.positions.reserve(n);
  batch.cu_seqlens.push_back(0);
  for (std::size_t row = 0; row < static_cast<std::size_t>(n_rows); ++row) {
    if (row < rows.size()) {
      for (const Piece& piece : rows[row].pieces)
        append(batch, piece, sources[static_cast<std::size_t>(rows[row].source)]);
    }
    pad(batch, (row + 1) * context - batch.tokens.size());
  }
  return batch;
}

}  // namespace hearth::data
