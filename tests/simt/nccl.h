// SPDX-License-Identifier: Apache-2.0
// What a test may do to NCCL's stand-in.
#pragma once

namespace hearth::comm::nccl {

// The groups of so many ranks have lost one: they say so when asked for asynchronous errors.
void break_groups(int n_ranks);

}  // namespace hearth::comm::nccl
