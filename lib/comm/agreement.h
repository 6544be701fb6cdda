// SPDX-License-Identifier: Apache-2.0
// What must be the same on every rank is compared once at the start: the ranks that differ are named, on all of them.
#pragma once
#include <string>
#include <vector>

#include "lib/comm/communicator.h"

namespace hearth::comm {

struct Fact {
  std::string what;   // "the options", "the data"
  std::string value;  // any bytes; its digest is compared
};

// Collective, on the host. Throws Error{config} on every rank when a value differs from that of most ranks: which,
// where, and what to do. All ranks must give the same list of facts.
void check_agreement(Communicator& world, const std::vector<Fact>& facts);

}  // namespace hearth::comm
