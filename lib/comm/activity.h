// SPDX-License-Identifier: Apache-2.0
// What this process is doing among the ranks, for its heartbeat: written around every call, read by another thread.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/clock.h"

namespace hearth::comm {

// A step is something ranks do again and again, by a name that all of them use: a call of a group, a message from one
// rank to another. How often each was done so far tells who is behind.
using Done = std::map<std::string, std::int64_t>;

// What a call waits for: that these ranks (of the world) have done a step so often.
struct Need {
  std::shared_ptr<const std::vector<int>> ranks;
  std::string step;
  std::int64_t count = 0;
};

class Activity {
 public:
  struct Now {
    const char* call = nullptr;         // the call under way ("all_reduce"); none: computing
    std::vector<Need> needs;            // of that call
    std::int64_t calls = 0;             // begun so far, over all communicators: of ranks of a mesh each its own number
    double since_s = steady_seconds();  // when the call began, or the last one ended
    Done done;
  };
  Now now() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void begin(const char* call, std::vector<Need> needs) {
    const std::lock_guard lock(mutex_);
    now_.call = call, now_.needs = std::move(needs), now_.since_s = steady_seconds();
    ++now_.calls;
  }
  void end() {
    const std::lock_guard lock(mutex_);
    now_.call = nullptr, now_.needs.clear(), now_.since_s = steady_seconds();
  }
  void did(const std::string& step) {
    const std::lock_guard lock(mutex_);
    ++now_.done[step];
  }

 private:
  mutable std::mutex mutex_;
  Now now_;
};

class InCall {
 public:
  InCall(Activity& activity, const char* name, std::vector<Need> needs) : activity_(activity) {
    activity_.begin(name, std::move(needs));
  }
  ~InCall() { activity_.end(); }
  InCall(const InCall&) = delete;
  InCall& operator=(const InCall&) = delete;

 private:
  Activity& activity_;
};

}  // namespace hearth::comm
