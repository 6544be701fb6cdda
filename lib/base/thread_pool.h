// SPDX-License-Identifier: Apache-2.0
// A fixed set of worker threads. Work is split by index, never by timing, so results do not depend on scheduling:
// what a body writes must depend on its index alone.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hearth {

class ThreadPool {
 public:
  // n_threads counts the caller, which works too. 0 means one a core this process may run on.
  explicit ThreadPool(int n_threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int n_threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(index, thread) once for each index in [0, count), thread in [0, n_threads()); returns when all are done.
  // Indices are handed out in ascending order to whichever thread is free. The first exception is thrown again here.
  // A call from inside a body runs serially on that thread.
  void for_each(std::int64_t count, const std::function<void(std::int64_t index, int thread)>& body);

  // Calls body(begin, end, thread) on at most n_threads() contiguous ranges covering [0, count), each a multiple of
  // grain long but for the last. Which range gets which thread number is fixed by count, grain and n_threads() alone
  // (a number, for scratch memory and partial sums: another thread of the pool may do the work).
  void for_ranges(std::int64_t count, std::int64_t grain,
                  const std::function<void(std::int64_t begin, std::int64_t end, int thread)>& body);

 private:
  void work(int thread);
  void drain(int thread);

  std::vector<std::thread> workers_;
  std::mutex caller_mutex_;  // one for_each at a time
  std::mutex mutex_;
  std::condition_variable wake_;
  const std::function<void(std::int64_t, int)>* body_ = nullptr;
  std::int64_t count_ = 0;
  std::atomic<std::int64_t> next_{0};
  std::atomic<int> n_busy_{0};
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<bool> stopping_{false};
  std::exception_ptr failure_;
};

// The cores this process may use: its affinity mask, or a container's CPU quota where that is less; at least 1.
int available_cores();

}  // namespace hearth
