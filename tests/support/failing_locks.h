// SPDX-License-Identifier: Apache-2.0
// flock in the C library's place, that fails as file systems without locks do. For one source of a program.
#pragma once
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace {

int failure_of_locks = 0;  // what flock fails with; 0: it works

}  // namespace

// In this program's place of the C library's.
extern "C" int flock(int descriptor, int operation) noexcept {
  if (failure_of_locks == 0) return static_cast<int>(::syscall(SYS_flock, descriptor, operation));
  errno = failure_of_locks;
  return -1;
}
