// SPDX-License-Identifier: Apache-2.0
// The life of a run of many processes: MPI is started only under a launcher, and ended on every rank.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "lib/base/launcher.h"
#include "lib/comm/communicator.h"
#include "lib/comm/queue.h"

namespace hearth::comm {

class World {
 public:
  // Alone when there is no launch. Throws Error{unavailable} when there is a launch but no MPI to speak.
  explicit World(const std::optional<Launch>& launch);
  // Ends MPI, which waits for the others; after an error (uncaught in a scope around this) it does not, as the others
  // may never come: the launcher ends them when this process ends with an error.
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  int rank() const { return launch_.rank; }
  int size() const { return launch_.size; }
  const Launch& launch() const { return launch_; }
  int local_size() const { return local_size_; }  // ranks on this node
  std::string transport_name() const;             // "Open MPI v4.1.4"; empty when alone

  // Communicators made after this run their calls on a thread of their own (Queue).
  void overlap();
  // A communicator of all ranks; collective.
  std::unique_ptr<Communicator> communicator();

 private:
  Launch launch_;
  int local_size_ = 1;
  const struct Transport* transport_ = nullptr;  // none: alone
  std::shared_ptr<Queue> queue_;
  int uncaught_at_start_;
};

}  // namespace hearth::comm
