// SPDX-License-Identifier: Apache-2.0
#include "lib/comm/world.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <vector>

#include "lib/base/digest.h"
#include "lib/comm/host_communicator.h"
#include "lib/comm/transport.h"

namespace hearth::comm {

World::World(const std::optional<Launch>& launch)
    : launch_(launch.value_or(Launch{})), uncaught_at_start_(std::uncaught_exceptions()) {
  if (!launch) return;
  transport_ = &mpi_transport();
  transport_->start();
  queue_ = std::make_shared<Queue>(false);
  Group group = transport_->world();
  const int rank = transport_->rank(group), size = transport_->size(group);
  transport_->release(group);
  if (rank != launch_.rank || size != launch_.size) {
    throw Error(Kind::unavailable, launch_.launcher + " says rank " + std::to_string(launch_.rank) + " of " +
                                       std::to_string(launch_.size) + ", MPI says " + std::to_string(rank) + " of " +
                                       std::to_string(size) +
                                       ": the launcher belongs to another MPI (with srun, use --mpi=pmix)");
  }
  char host[HOST_NAME_MAX + 1] = {};
  ::gethostname(host, HOST_NAME_MAX);
  std::vector<Hash128> hosts(static_cast<std::size_t>(size));
  const Hash128 own = hash128(std::string_view(host));
  group = transport_->world();
  transport_->all_gather(group, &own, hosts.data(), sizeof(own));
  transport_->release(group);
  local_size_ = static_cast<int>(std::ranges::count(hosts, own));
}

World::~World() {
  if (transport_ == nullptr) return;
  queue_.reset();
  if (std::uncaught_exceptions() > uncaught_at_start_) return;
  transport_->finish();
}

std::string World::transport_name() const {
  return transport_ == nullptr ? "" : transport_->name();
}

void World::overlap() {
  if (transport_ != nullptr) queue_ = std::make_shared<Queue>(true);
}

std::unique_ptr<Communicator> World::communicator() {
  if (transport_ == nullptr) return make_self_communicator();
  return make_host_communicator(*transport_, transport_->world(), queue_);
}

}  // namespace hearth::comm
