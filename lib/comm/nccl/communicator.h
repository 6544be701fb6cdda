// SPDX-License-Identifier: Apache-2.0
// Collectives of GPUs over NCCL, beside those of the host: a call whose stream is the host's goes to the host's
// communicator, one of a GPU to NCCL.
//
// NCCL moves bytes only. Its own sums depend on the ring or tree it finds, so reductions send every rank its piece of
// everybody's data, as on the host, and a kernel adds the pieces in rank order: no more traffic than a ring, the bits
// that communicator.h promises, and the same ones as on the host. All NCCL's work of a process runs in one stream, in
// the order asked, so that calls on several communicators cannot wait for each other.
#pragma once
#include <memory>

#include "lib/comm/communicator.h"

namespace hearth::comm {

// Collective over host, which it keeps. Takes device memory for the pieces that are added (32 MiB, shared by all that
// are split from it). Traffic's seconds are those of calls on the host alone. Throws Error{unavailable} without NCCL.
std::unique_ptr<Communicator> make_nccl_communicator(std::unique_ptr<Communicator> host, const Device& device,
                                                     ThreadPool& pool);

}  // namespace hearth::comm
