// SPDX-License-Identifier: Apache-2.0
// What this process is doing among the ranks, for its heartbeat: written around every call, read by another thread.
// Writing allocates nothing, as small calls take microseconds.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
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
  // A step, and whoever is waited for to do it. Made once for any number of calls.
  struct Step {
    std::string name;
    std::shared_ptr<const std::vector<int>> ranks;
    std::int64_t done = 0;  // by this process
  };
  struct Wait {
    const Step* step = nullptr;
    std::int64_t count = 0;
  };
  static constexpr std::size_t most_waits = 2;  // of one call

  struct Now {
    const char* call = nullptr;         // the call under way ("all_reduce"); none: computing
    std::vector<Need> needs;            // of that call
    std::int64_t calls = 0;             // begun so far, over all communicators: of ranks of a mesh each its own number
    double since_s = steady_seconds();  // when the call began, or the last one ended
    double longest_step_s = 0;          // of a device's so far; 0: none is done
    Done done;
  };

  Now now() const {
    const std::lock_guard lock(mutex_);
    Now now{.call = call_,
            .needs = {},
            .calls = calls_,
            .since_s = since_s_,
            .longest_step_s = longest_step_s_,
            .done = {}};
    for (std::size_t i = 0; i < n_waits_; ++i)
      now.needs.push_back({waits_[i].step->ranks, waits_[i].step->name, waits_[i].count});
    for (const Step& step : steps_) {
      if (step.done > 0) now.done[step.name] += step.done;
    }
    return now;
  }

  // Lasts as long as this: what was done counts also when the group is gone.
  Step* step(std::string name, std::shared_ptr<const std::vector<int>> ranks) {
    const std::lock_guard lock(mutex_);
    return &steps_.emplace_back(Step{std::move(name), std::move(ranks)});
  }
  // Of one thread at a time, as the calls are. Both return the time.
  double begin(const char* call, std::span<const Wait> waits) {
    const double time = steady_seconds();
    const std::lock_guard lock(mutex_);
    call_ = call, since_s_ = time;
    n_waits_ = waits.size();
    std::ranges::copy(waits, waits_.begin());
    ++calls_;
    return time;
  }
  // A device has done a step, in so many seconds: what it may take another time.
  void step_took(double seconds) {
    const std::lock_guard lock(mutex_);
    longest_step_s_ = std::max(longest_step_s_, seconds);
  }
  double end(std::span<Step* const> done) {
    const double time = steady_seconds();
    const std::lock_guard lock(mutex_);
    call_ = nullptr, since_s_ = time;
    n_waits_ = 0;
    for (Step* step : done) ++step->done;
    return time;
  }

 private:
  mutable std::mutex mutex_;
  const char* call_ = nullptr;
  std::array<Wait, most_waits> waits_;
  std::size_t n_waits_ = 0;
  std::int64_t calls_ = 0;
  double since_s_ = steady_seconds();
  double longest_step_s_ = 0;
  std::deque<Step> steps_;
};

// Calls that wait for nobody by name: of a device whose work waits for other ranks', and of NCCL, which connects ranks
// when they first meet.
inline constexpr const char* device_call = "the work of its GPU";
inline constexpr const char* nccl_call = "a call of NCCL";

// A call while it lasts; left by an error, none of its steps is done.
class InCall {
 public:
  InCall(Activity& activity, const char* name, std::span<const Activity::Wait> waits)
      : activity_(activity), begin_s_(activity.begin(name, waits)) {}
  ~InCall() {
    if (under_way_) activity_.end({});
  }
  InCall(const InCall&) = delete;
  InCall& operator=(const InCall&) = delete;

  double end(std::span<Activity::Step* const> done) {  // returns the seconds it took
    under_way_ = false;
    return activity_.end(done) - begin_s_;
  }

 private:
  Activity& activity_;
  double begin_s_;
  bool under_way_ = true;
};

// wait(): until a device has done what may wait for other ranks. activity: none on the host, or alone.
template <class Wait>
void wait_for_device(Activity* activity, const Wait& wait) {
  if (activity == nullptr) return wait();
  const InCall in_call(*activity, device_call, {});
  wait();
}

}  // namespace hearth::comm
