// SPDX-License-Identifier: Apache-2.0
// The second pass: the corpus stages look at the sketches of all documents, one stage after the other, and say which
// documents stay. Reads rows only, no texts.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/comm/exchange.h"
#include "lib/device/context.h"
#include "lib/tools/shard_spool.h"
#include "lib/tools/shard_stages.h"

namespace hearth::tools::shard {

struct Judgement {
  static constexpr std::uint8_t kept = 0xff, rejected_before = 0xfe;
  std::vector<std::uint8_t> by_row;  // kept, rejected_before (by a document stage), or the corpus stage that rejects it
};

// Collective: each rank judges the rows of its spool, by those of all. Rows of the spool are counted from 0 in the
// judgement; to the stages they are what `rows` says, their places in the input order of all ranks. Nothing, or on all
// ranks Error{stopped}, when a signal asked any to stop.
std::optional<Judgement> judge_corpus(const Spool& spool, const Stages& stages, const comm::Numbering& rows,
                                      Context& context);

// Collective: true when a signal asked any rank to stop.
bool any_stopped(comm::Communicator& world);

}  // namespace hearth::tools::shard
