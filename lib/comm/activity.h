// SPDX-License-Identifier: Apache-2.0
// What this process is doing among the ranks, for its heartbeat: written around every call, read by another thread.
#pragma once
#include <atomic>
#include <cstdint>

#include "lib/base/clock.h"

namespace hearth::comm {

struct Activity {
  std::atomic<const char*> call{nullptr};         // the call under way ("all_reduce"); none: computing
  std::atomic<std::int64_t> calls{0};             // begun so far; all ranks make the same ones
  std::atomic<double> since_s{steady_seconds()};  // when the call began, or the last one ended
};

class InCall {
 public:
  InCall(Activity& activity, const char* name) : activity_(activity) {
    activity_.since_s = steady_seconds();
    activity_.call = name;
    ++activity_.calls;
  }
  ~InCall() {
    activity_.since_s = steady_seconds();
    activity_.call = nullptr;
  }
  InCall(const InCall&) = delete;
  InCall& operator=(const InCall&) = delete;

 private:
  Activity& activity_;
};

}  // namespace hearth::comm
