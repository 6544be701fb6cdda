// SPDX-License-Identifier: Apache-2.0
// The start of a limited child, for child_process.cpp alone: everything between vfork and exec.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "lib/base/child_process.h"

namespace hearth {

struct SpawnedChild {
  pid_t pid = -1;
  int input = -1, output = -1, errors = -1;  // our ends of its pipes; they do not block
};

// Starts program (a path) with argv. Throws Error{missing} when it cannot be executed, Error{unavailable} when there
// are no more processes or descriptors.
SpawnedChild spawn_limited(const std::string& program, const std::vector<std::string>& argv, const ChildLimits& limits);

}  // namespace hearth
