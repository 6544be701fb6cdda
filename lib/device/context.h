// SPDX-License-Identifier: Apache-2.0
// What a call needs from its surroundings, passed down; there are no globals.
#pragma once
#include <cstdint>

#include "lib/base/log.h"
#include "lib/base/provenance.h"
#include "lib/device/device.h"

namespace hearth {

namespace comm {
class Mesh;
}

struct Context {
  Log& log;
  ThreadPool& pool;
  Stream& stream;
  std::uint64_t seed = 0;
  Invocation invocation;
  bool json = false;  // the tool prints one JSON object on stdout instead of a table
  bool quiet = false;
  const comm::Mesh* mesh = nullptr;  // the ranks of this run; none in a tool that runs as one process
};

}  // namespace hearth
