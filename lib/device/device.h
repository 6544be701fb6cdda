// SPDX-License-Identifier: Apache-2.0
// Devices, and the stream of work on one. On the host a stream runs each op before the call returns, on the thread
// pool; on CUDA it is a cudaStream_t (its own .cpp).
#pragma once
#include "lib/base/thread_pool.h"

namespace hearth {

enum class DeviceKind { cpu, cuda };

// Which implementation of the kernels answers on the host (--kernels).
enum class HostKernels { cpu, ref };

class Stream {
 public:
  explicit Stream(ThreadPool& pool, HostKernels kernels = HostKernels::cpu) : pool_(&pool), kernels_(kernels) {}

  DeviceKind device() const { return DeviceKind::cpu; }
  HostKernels host_kernels() const { return kernels_; }
  ThreadPool& pool() const { return *pool_; }

 private:
  ThreadPool* pool_;
  HostKernels kernels_;
};

}  // namespace hearth
