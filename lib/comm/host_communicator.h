// SPDX-License-Identifier: Apache-2.0
// Collectives of host memory over a Transport.
#pragma once
#include <memory>

#include "lib/comm/communicator.h"
#include "lib/comm/queue.h"
#include "lib/comm/transport.h"

namespace hearth::comm {

// Takes over the group of the world: its rank r is what heartbeats call rank r. All communicators of a process share
// one queue, so that they call the transport in one order.
std::unique_ptr<Communicator> make_host_communicator(const Transport& transport, Group group,
                                                     std::shared_ptr<Queue> queue);

}  // namespace hearth::comm
