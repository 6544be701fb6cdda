// SPDX-License-Identifier: Apache-2.0
// What this process is doing among the ranks, for its heartbeat: written around every call, read by another thread.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "lib/base/clock.h"

namespace hearth::comm {

// Ranks of the world.
using Ranks = std::shared_ptr<const std::vector<int>>;

class Activity {
 public:
  struct Now {
    const char* call = nullptr;         // the call under way ("all_reduce"); none: computing
    Ranks with;                         // those whose part in it this rank may wait for, itself among them or not
    std::int64_t calls = 0;             // begun so far, over all communicators: of ranks of a mesh each its own number
    double since_s = steady_seconds();  // when the call began, or the last one ended
  };
  Now now() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void begin(const char* call, Ranks with) { set(call, std::move(with), 1); }
  void end() { set(nullptr, nullptr, 0); }

 private:
  void set(const char* call, Ranks with, int n_begun) {
    const std::lock_guard lock(mutex_);
    now_ = {call, std::move(with), now_.calls + n_begun, steady_seconds()};
  }
  mutable std::mutex mutex_;
  Now now_;
};

class InCall {
 public:
  InCall(Activity& activity, const char* name, Ranks with) : activity_(activity) {
    activity_.begin(name, std::move(with));
  }
  ~InCall() { activity_.end(); }
  InCall(const InCall&) = delete;
  InCall& operator=(const InCall&) = delete;

 private:
  Activity& activity_;
};

}  // namespace hearth::comm
