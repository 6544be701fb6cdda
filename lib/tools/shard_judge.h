// SPDX-License-Identifier: Apache-2.0
// The second pass: the corpus stages look at the sketches of all documents, one stage after the other, and say which
// documents stay. Reads rows only, no texts.
#pragma once
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "lib/device/context.h"
#include "lib/tools/shard_spool.h"
#include "lib/tools/shard_stages.h"

namespace hearth::tools::shard {

struct Judgement {
  static constexpr std::uint8_t kept = 0xff, rejected_before = 0xfe;
  std::vector<std::uint8_t> by_row;  // kept, rejected_before (by a document stage), or the corpus stage that rejects it
  std::unordered_map<std::uint64_t, std::uint64_t> group_of;  // CorpusStage::group_of, where it is another row
};

// Nothing when a signal asked to stop.
std::optional<Judgement> judge_corpus(const Spool& spool, const Stages& stages, Context& context);

}  // namespace hearth::tools::shard
