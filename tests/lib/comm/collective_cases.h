// SPDX-License-Identifier: Apache-2.0
// What every communicator must do, checked by each rank against what it can work out alone. Run over threads in
// test_communicator.cpp and over MPI in tests/mpi.
#pragma once
#include "lib/comm/communicator.h"

namespace hearth::comm {

// Throws Error{internal} naming the case that is wrong. sends_ahead: whether messages wait for those who take them
// without holding up other calls.
void check_collectives(Communicator& world, bool sends_ahead = true);

}  // namespace hearth::comm
