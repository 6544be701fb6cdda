// SPDX-License-Identifier: Apache-2.0
// Runs the host's collectives one after another in the order asked: on a thread of its own, so that they overlap with
// compute, or at once on the caller's. MPI gives no progress of its own, so the thread pays only where a core is spare.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "lib/comm/activity.h"
#include "lib/comm/communicator.h"

namespace hearth::comm {

class Queue {
 public:
  explicit Queue(bool own_thread);
  ~Queue();  // after all that was asked for is done
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  Pending run(std::function<void()> body);
  void run_and_wait(std::function<void()> body);  // throws what body throws

  Activity activity;  // of this process, over all its communicators

 private:
  struct Task;
  std::shared_ptr<Task> put(std::function<void()> body);
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Task>> tasks_;
  bool stopping_ = false;
  std::thread thread_;  // none: at once
};

}  // namespace hearth::comm
