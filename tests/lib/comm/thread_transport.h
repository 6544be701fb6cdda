// SPDX-License-Identifier: Apache-2.0
// A transport whose processes are threads of this one: runs what collectives and meshes are made of within a unit test.
#pragma once
#include <functional>
#include <memory>

#include "lib/comm/communicator.h"

namespace hearth::comm {

// Calls body once on each of n threads with a communicator of all of them; throws the first failure again.
void with_thread_ranks(int n, const std::function<void(std::unique_ptr<Communicator> world)>& body);

}  // namespace hearth::comm
