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
#include <utility>

#include "lib/comm/activity.h"
#include "lib/comm/communicator.h"

namespace hearth::comm {

class Queue {
 public:
  explicit Queue(bool own_thread);
  ~Queue();  // after all that was asked for is done
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  template <class Body>
  Pending run(Body&& body) {
    if (thread_.joinable()) return put(std::forward<Body>(body));
    body();
    return {};
  }
  template <class Body>
  void run_and_wait(Body&& body) {  // throws what body throws
    if (thread_.joinable()) return put_and_wait(std::forward<Body>(body));
    body();
  }

  Activity activity;  // of this process, over all its communicators

 private:
  struct Task;
  Pending put(std::function<void()> body);
  void put_and_wait(std::function<void()> body);
  std::shared_ptr<Task> put_task(std::function<void()> body);
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Task>> tasks_;
  bool stopping_ = false;
  std::thread thread_;  // none: at once
};

}  // namespace hearth::comm
