// SPDX-License-Identifier: Apache-2.0
// The inner loop of encoding: scan a piece, look its ids up, or merge and remember them.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/text/tokenizer/bpe.h"
#include "lib/text/tokenizer/patterns.h"
#include "lib/text/tokenizer/piece_cache.h"

namespace hearth::text {

// Appends the ids of text, cut by pattern. The cache must have seen no other bpe.
void encode_pieces(Pattern pattern, const Bpe& bpe, PieceCache& cache, std::string_view text,
                   std::vector<std::uint32_t>& ids);

}  // namespace hearth::text
