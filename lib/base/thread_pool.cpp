// SPDX-License-Identifier: Apache-2.0
#include "lib/base/thread_pool.h"

#include <immintrin.h>
#include <sched.h>

#include <algorithm>
#include <climits>
#include <fstream>

namespace hearth {
namespace {

// How often a thread looks before it sleeps: some tens of microseconds, longer than the gap between two kernels of a
// training step, shorter than anything a person would call idle.
constexpr int spin_limit = 4000;

thread_local int inside_body = -1;  // the thread's index while it runs a body, so that nested calls run serially

// What a container's CPU quota is worth in whole cores ("200000 100000" is two), or no limit.
int quota_cores() {
  double quota = 0, period = 0;
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  return file >> quota >> period && period > 0 ? std::max(1, static_cast<int>(quota / period)) : INT_MAX;
}

}  // namespace

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const bool known = sched_getaffinity(0, sizeof set, &set) == 0;
  const int cores = known ? CPU_COUNT(&set) : static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, std::min(cores, quota_cores()));
}

ThreadPool::ThreadPool(int n_threads) {
  if (n_threads <= 0) n_threads = available_cores();
  for (int thread = 1; thread < n_threads; ++thread) workers_.emplace_back([this, thread] { work(thread); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

// generation_ is odd while a call may be joined, even while there is none.
void ThreadPool::work(int thread) {
  std::uint64_t seen = 0;
  while (true) {
    for (int spin = 0; spin < spin_limit && generation_.load(std::memory_order_acquire) == seen; ++spin) _mm_pause();
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || generation_.load(std::memory_order_acquire) != seen; });
      if (stopping_) return;
      seen = generation_.load(std::memory_order_acquire);
      if (seen % 2 == 0) continue;  // too late: the others have done it all
      ++n_busy_;
    }
    drain(thread);
    n_busy_.fetch_sub(1, std::memory_order_release);
  }
}

void ThreadPool::drain(int thread) {
  const int outer = inside_body;
  inside_body = thread;
  try {
    for (std::int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) (*body_)(i, thread);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
    next_ = count_;
  }
  inside_body = outer;
}

void ThreadPool::for_each(std::int64_t count, const std::function<void(std::int64_t, int)>& body) {
  if (count <= 0) return;
  if (inside_body >= 0 || workers_.empty() || count == 1) {
    const int thread = std::max(inside_body, 0);
    for (std::int64_t i = 0; i < count; ++i) body(i, thread);
    return;
  }
  const std::lock_guard one_caller(caller_mutex_);
  {
    const std::lock_guard lock(mutex_);
    body_ = &body;
    count_ = count;
    next_ = 0;
    failure_ = nullptr;
    generation_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  drain(0);
  {
    // Whoever has not begun by now is not waited for: on a busy machine a worker may be away for milliseconds.
    const std::lock_guard lock(mutex_);
    generation_.fetch_add(1, std::memory_order_release);
  }
  for (int spin = 0; n_busy_.load(std::memory_order_acquire) != 0; ++spin) {
    spin < spin_limit ? _mm_pause() : std::this_thread::yield();
  }
  if (failure_) std::rethrow_exception(failure_);
}

void ThreadPool::for_ranges(std::int64_t count, std::int64_t grain,
                            const std::function<void(std::int64_t, std::int64_t, int)>& body) {
  const std::int64_t n_grains = (count + grain - 1) / grain;
  const std::int64_t n_ranges = std::min<std::int64_t>(n_grains, n_threads());
  const bool nested = inside_body >= 0;
  for_each(n_ranges, [&](std::int64_t range, int runner) {
    const int thread = nested ? runner : static_cast<int>(range);  // the range's own, whoever runs it
    const std::int64_t begin = n_grains * range / n_ranges * grain;
    const std::int64_t end = std::min(count, n_grains * (range + 1) / n_ranges * grain);
    body(begin, end, thread);
  });
}

}  // namespace hearth
