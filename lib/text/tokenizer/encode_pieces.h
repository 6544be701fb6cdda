// SPDX-License-Identifier: Apache-2.0
// The inner loop of encoding: cut pieces, look their ids up, or merge and remember them.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/text/tokenizer/bpe.h"
#include "lib/text/tokenizer/piece_cache.h"
#include "lib/text/tokenizer/piece_cutter.h"

namespace hearth::text {

// Appends the ids of text. The cache must have seen no other bpe.
void encode_pieces(const PieceCutter& cutter, const Bpe& bpe, PieceCache& cache, std::string_view text,
                   std::vector<std::uint32_t>& ids);

}  // namespace hearth::text
