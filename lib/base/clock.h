// SPDX-License-Identifier: Apache-2.0
// Time: a monotonic clock for durations, UTC for records.
#pragma once
#include <string>

namespace hearth {

double steady_seconds();       // monotonic, arbitrary zero
std::string utc_timestamp();   // "2026-01-31T12:00:00Z"

class Stopwatch {
 public:
  double seconds() const { return steady_seconds() - start_; }
  double restart();  // the seconds so far; counts from zero again

 private:
  double start_ = steady_seconds();
};

}  // namespace hearth
